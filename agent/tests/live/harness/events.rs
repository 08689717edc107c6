//! The event stream as data: `tcpwarden events --json`, read in the background, and the lives of
//! sockets put together from it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::agent::{binary, collect};
use super::witness::Witness;
use super::{PATIENCE, wait_for};

/// A running event stream.
pub(crate) struct Events {
    child: Child,
    /// Beside it while it lives.
    witness: Option<Witness>,
    lines: Arc<Mutex<Vec<Value>>>,
    log: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
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
        let mut child = Command::new(binary())
            .args(["events", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the event stream");
        let log = collect(child.stderr.take().expect("its stderr"));
        let stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line)
                    .unwrap_or_else(|error| Value::String(format!("not JSON ({error}): {line}")));
                sink.lock().expect("the lines").push(value);
            }
            end.store(true, Ordering::Release);
        });
        let mut events = Self { child, witness: None, lines, log, ended };
        let first = events.wait("the first line", || events.snapshot().into_iter().next());
        assert_eq!(first["type"], "ready", "the first line of the stream is {first}");
        assert_eq!(
            first["probes"]["inet_sock_set_state"], "attached",
            "the state probe in {first}"
        );
        events.witness = Witness::of(events.child.id());
        events
    }

    /// Everything so far.
    pub(crate) fn snapshot(&self) -> Vec<Value> {
        self.lines.lock().expect("the lines").clone()
    }

    /// Waits; if it is in vain, says so with the program's log.
    pub(crate) fn wait<T>(&self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            // Asked before the probe, which may still find what came just before the end.
            let ended = self.ended.load(Ordering::Acquire);
            if let Some(found) = probe() {
                return found;
            }
            if ended || start.elapsed() > PATIENCE {
                let log = self.log.lock().expect("the log").clone();
                panic!(
                    "no {what} after {:?}{}; its log:\n{log}",
                    start.elapsed(),
                    if ended { ": the stream ended" } else { "" }
                );
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
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
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)
            .expect("send the signal");
        let status = wait_for("the event stream to end", PATIENCE, || {
            self.child.try_wait().expect("ask for its end")
        });
        assert!(status.success(), "the event stream ended with {status}");
        let last = || self.snapshot().last().filter(|line| line["type"] == "summary").cloned();
        wait_for("the summary line", PATIENCE, last)
    }
}

impl Events {
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
        let _ = self.child.kill();
        let _ = self.child.wait();
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
