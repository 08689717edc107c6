//! The agent as a black box: testkit's, which panics where that returns an error.
//!
//! It listens on a socket file, so that reading its page makes no TCP connection that would then be
//! counted.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use testkit::address::Address;
use testkit::launch::{Launch, Output};
use testkit::page::Page;
use testkit::process::Ending;
use testkit::usage::Usage;

use super::witness::Witness;
use super::{PATIENCE, wait_for};

/// The program under test: `TCPWARDEN_BIN`, else the release build of this workspace.
pub(crate) fn binary() -> PathBuf {
    testkit::agent::binary("TCPWARDEN_BIN", "tcpwarden").expect("the program under test")
}

/// A path under /tmp that nobody else has.
pub(crate) fn scratch(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    PathBuf::from(format!(
        "/tmp/tcpwarden-live-{}-{}.{what}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// A running `tcpwarden run`.
pub(crate) struct Agent {
    /// Beside it while it lives.
    witness: Option<Witness>,
    agent: testkit::agent::Agent,
}

impl Agent {
    /// Name and status lines of each of its threads.
    pub(crate) fn threads(&self) -> Vec<(String, String)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads");
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("a file of a thread");
        tasks
            .map(|task| task.expect("a thread").path())
            .map(|task| (read(task.join("comm")), read(task.join("status"))))
            .collect()
    }

    /// Starts it with a short reconcile interval and waits until the first pass is done.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_through(&[], options)
    }

    /// Starts it through a command that executes what comes behind its own words.
    pub(crate) fn start_through(words: &[&str], options: &[&str]) -> Self {
        Self::start_on(Address::Unix(scratch("sock")), words, options)
    }

    /// Starts it on a TCP port of loopback that was free a moment ago.
    pub(crate) fn start_on_tcp() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        Self::start_on(Address::Tcp(free.expect("a free port")), &[], &[])
    }

    fn start_on(address: Address, words: &[&str], options: &[&str]) -> Self {
        let usual: &[&str] = if options.contains(&"--reconcile-interval") {
            &[]
        } else {
            &["--reconcile-interval", "0.5"]
        };
        // What a test makes has series at once.
        let ages: &[&str] =
            if options.contains(&"--young-age") { &[] } else { &["--young-age", "0"] };
        let options = [usual, ages, options].concat();
        let mut command = testkit::agent::Agent::command(&binary(), &address, &options);
        if let [program, words @ ..] = words {
            let mut through = Command::new(program);
            through.args(words).arg(command.get_program()).args(command.get_args());
            command = through;
        }
        let launch = Launch::new("the agent", command)
            .output(Output::LinesAndLog)
            .ending(Ending::Signal(Signal::SIGKILL));
        let agent = testkit::agent::Agent::start(launch, address, PATIENCE)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { witness: Witness::of(agent.process.id()), agent }
    }

    /// Its address, as `--agent` takes it.
    pub(crate) fn address(&self) -> String {
        self.agent.client.address.to_string().trim_start_matches("http://").to_owned()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.agent.process.id()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.agent.process.log()
    }

    /// What it takes, with its children.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.pid()).unwrap_or_else(|error| panic!("{error:#}; log:\n{}", self.log()))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.agent.process.signal(signal).expect("send the signal");
    }

    /// Waits until it ends by itself; the status.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = wait_for("the agent to end", PATIENCE, || {
            self.agent.process.status().expect("ask for its end")
        });
        // Nothing can be asked any more.
        self.witness = None;
        status
    }

    /// Asks for a path; the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let answer = self.agent.client.request(path);
        answer.unwrap_or_else(|error| panic!("{error:#}; log:\n{}", self.log()))
    }

    /// Reads `/metrics`.
    pub(crate) fn scrape(&self) -> Page {
        self.agent.scrape().unwrap_or_else(|error| panic!("{error:#}; log:\n{}", self.log()))
    }

    /// Sends a signal and waits for the end; the status and how long it took.
    pub(crate) fn stop(mut self, signal: Signal) -> (ExitStatus, Duration) {
        self.note();
        let start = Instant::now();
        self.agent.process.signal(signal).expect("send the signal");
        let status = wait_for("the agent to end", PATIENCE, || {
            self.agent.process.status().expect("ask for its end")
        });
        (status, start.elapsed())
    }

    /// Lets the witness say what it has seen; it can do so once, while the agent lives.
    fn note(&mut self) {
        if let Some(witness) = self.witness.take() {
            witness.note();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.note();
        if std::thread::panicking() {
            eprintln!("--- the agent's log ---\n{}", self.log());
        }
    }
}
