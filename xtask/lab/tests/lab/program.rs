//! The program under test, running a scenario.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::Signal;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A program that plays a scenario. It is killed when dropped.
pub(crate) struct Lab {
    process: Process,
    /// Process ids by name.
    pub(crate) actors: BTreeMap<String, u32>,
    /// Inodes of its namespaces.
    pub(crate) namespaces: Vec<u32>,
}

pub(crate) fn binary() -> PathBuf {
    std::env::var_os("LAB_BIN").map_or_else(|| env!("CARGO_BIN_EXE_lab").into(), PathBuf::from)
}

impl Lab {
    /// Starts a scenario, and waits until all its processes are ready.
    pub(crate) fn start(name: &str, seconds: u64) -> Self {
        Self::with_agent(name, seconds, "unix:/nonexistent/tcpwarden.sock")
    }

    pub(crate) fn with_agent(name: &str, seconds: u64, agent: &str) -> Self {
        let mut command = Command::new(binary());
        command.args([name, "--seconds", &seconds.to_string(), "--agent", agent]);
        let process = Launch::new("the lab", command)
            .output(Output::Log)
            .ending(Ending::Signal(Signal::SIGKILL))
            .spawn()
            .unwrap();
        let mut lab = Self { process, actors: BTreeMap::new(), namespaces: Vec::new() };
        let text = wait_for("the scenario to begin", || {
            let text = lab.said();
            assert!(!text.contains("error:"), "{text}");
            text.contains("  alerts: ").then_some(text)
        });
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["runs", name, "(pid", pid, ..] = words[..] {
                lab.actors.insert(name.to_owned(), pid.trim_end_matches(')').parse().unwrap());
            }
            if line.contains("network namespaces") {
                lab.namespaces = words
                    .iter()
                    .filter_map(|word| word.parse().ok())
                    .filter(|number| *number > 1_000_000)
                    .collect();
            }
        }
        let cast = lab::find(name).map(|scenario| scenario.cast.len());
        assert!(Some(lab.actors.len()) == cast && lab.namespaces.len() == 2, "{text}");
        lab
    }

    /// What it has printed so far.
    pub(crate) fn said(&self) -> String {
        self.process.log()
    }

    /// The process id of a role.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        *self
            .actors
            .get(name)
            .unwrap_or_else(|| panic!("nobody is called {name}: {:?}", self.actors))
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the lab to end", || self.process.status().unwrap())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.process.end();
        // The next test looks for processes of the same names.
        let pids: Vec<u32> = self.actors.values().copied().collect();
        while pids.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Asks `probe` again and again until it answers, or panics with what it was waiting for.
pub(crate) fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    testkit::wait::wait_for(what, PATIENCE, probe)
}
