//! The event stream as data: `tcpwarden events --json`, read in the background, and the lives of
//! sockets put together from it.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

use super::agent::binary;
use super::witness::Witness;
use super::{PATIENCE, wait_for};

/// A running event stream.
pub(crate) struct Events {
    process: Process,
    /// Beside it while it lives.
    witness: Option<Witness>,
    lines: RefCell<Vec<Value>>,
    ended: Cell<bool>,
}

/// What happened to one socket, from its birth on.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// The kernel's address of it.
    pub(crate) sk: String,
    /// Its transitions in order.
    pub(crate) events: Vec<Value>,
}

impl Events {
    /// Starts it and waits for the line that says that the probes are attached.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["events", "--json"]).args(options);
        let process = Launch::new("the event stream", command)
            .output(Output::LinesAndLog)
            .ending(Ending::Signal(Signal::SIGKILL))
            .spawn()
            .expect("start the event stream");
        let mut events =
            Self { process, witness: None, lines: RefCell::default(), ended: Cell::new(false) };
        let first = events.wait("the first line", || events.snapshot().into_iter().next());
        assert_eq!(first["type"], "ready", "the first line of the stream is {first}");
        assert_eq!(
            first["probes"]["inet_sock_set_state"], "attached",
            "the state probe in {first}"
        );
        events.witness = Witness::of(events.process.id());
        events
    }

    /// Everything so far.
    pub(crate) fn snapshot(&self) -> Vec<Value> {
        let mut lines = self.lines.borrow_mut();
        loop {
            match self.process.line(Duration::ZERO) {
                Ok(Some(line)) => {
                    lines.push(serde_json::from_str(&line).unwrap_or_else(|error| {
                        Value::String(format!("not JSON ({error}): {line}"))
                    }));
                }
                Ok(None) => break,
                Err(_) => {
                    self.ended.set(true);
                    break;
                }
            }
        }
        lines.clone()
    }

    /// Waits; if it is in vain, says so with the program's log.
    pub(crate) fn wait<T>(&self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            // Asked before the probe, which may still find what came just before the end.
            let ended = self.ended.get();
            if let Some(found) = probe() {
                return found;
            }
            if ended || start.elapsed() > PATIENCE {
                let log = self.process.log();
                panic!(
                    "no {what} after {:?}{}; its log:\n{log}",
                    start.elapsed(),
                    if ended { ": the stream ended" } else { "" }
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The events of one namespace of the given type.
    pub(crate) fn of(&self, netns: u32, kind: &str) -> Vec<Value> {
        self.snapshot()
            .into_iter()
            .filter(|event| event["netns"] == netns && event["type"] == kind)
            .collect()
    }

    /// The lives of the sockets of one namespace, in the order of their births.
    pub(crate) fn lives(&self, netns: u32) -> Vec<Life> {
        let mut lives: Vec<Life> = Vec::new();
        for event in self.of(netns, "transition") {
            let born =
                event["old"] == "close" || (event["old"] == "listen" && event["new"] == "syn_recv");
            let sk = event["sk"].as_str().unwrap_or("?").to_owned();
            // The kernel uses an address again, so the last life at it is the one that goes on.
            match lives.iter_mut().rev().find(|life| life.sk == sk).filter(|_| !born) {
                Some(life) => life.events.push(event),
                None => lives.push(Life { sk, events: vec![event] }),
            }
        }
        lives
    }

    /// Stops it by SIGTERM; the last line.
    pub(crate) fn stop(mut self) -> Value {
        self.note();
        self.process.signal(Signal::SIGTERM).expect("send the signal");
        let status = wait_for("the event stream to end", PATIENCE, || {
            self.process.status().expect("ask for its end")
        });
        assert!(status.success(), "the event stream ended with {status}");
        let last = || self.snapshot().last().filter(|line| line["type"] == "summary").cloned();
        wait_for("the summary line", PATIENCE, last)
    }

    /// Lets the witness say what it has seen; it can do so once, while the stream lives.
    fn note(&mut self) {
        if let Some(witness) = self.witness.take() {
            witness.note();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.note();
    }
}

impl Life {
    /// The states it went through, with the error in brackets where one was told at the end:
    /// `close>syn_sent>close(ECONNREFUSED)`.
    pub(crate) fn path(&self) -> String {
        let mut path = self.events[0]["old"].as_str().unwrap_or("?").to_owned();
        let mut at = self.events[0]["old"].clone();
        for event in &self.events {
            if event["old"] != at {
                let _ = write!(path, "?{}", event["old"].as_str().unwrap_or("?"));
            }
            path.push('>');
            path.push_str(event["new"].as_str().unwrap_or("?"));
            at = event["new"].clone();
            if let (Some(error), "close") = (event["error"].as_str(), at.as_str().unwrap_or("?")) {
                let _ = write!(path, "({error})");
            }
        }
        path
    }

    /// Its transition into a state.
    pub(crate) fn entry(&self, state: &str) -> &Value {
        let found = self.events.iter().find(|event| event["new"] == state);
        found.unwrap_or_else(|| panic!("no transition into {state} in {}", self.path()))
    }
}
