//! What the configuration expects of processes, `[[expected]]`: it accuses nobody, neither in
//! `leaks` nor in alerts.
//!
//! Used by `Watch`: for each verdict, and with each sample for the alerts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::survey::Key;
use super::suspect::Candidate;
use crate::config::Expected;

/// A process, by name and workload.
type Process = (Arc<str>, Arc<str>);

/// The entries, and the processes of which all that accuses is expected.
#[derive(Debug)]
pub(super) struct Expectations {
    entries: Vec<Expected>,
    processes: Mutex<Vec<Process>>,
}

impl Expectations {
    pub(super) fn new(entries: Vec<Expected>) -> Self {
        Self { entries, processes: Mutex::default() }
    }

    /// Returns whether there are entries.
    pub(super) fn are_there(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Returns why so many connections of a group are expected, if they are.
    pub(super) fn reason(&self, key: &Key, connections: u64) -> Option<&str> {
        let now = SystemTime::now();
        let covers = |one: &&Expected| one.covers(&key.process, key.service_port, connections, now);
        self.entries.iter().find(covers).map(|one| one.reason.as_str())
    }

    /// Notes the processes whose verdicts are expected, all that accuse.
    pub(super) fn note(&self, verdicts: &[Candidate<'_>]) {
        let mut all = BTreeMap::new();
        for one in verdicts.iter().filter(|one| one.accuses_unless_expected()) {
            *all.entry(one.process()).or_insert(true) &= !one.accuses();
        }
        let expected = all.into_iter().filter(|(_, expected)| *expected);
        let expected = expected.map(|(process, _)| process).collect();
        // The list is replaced as a whole: after a panic it is old, but not inconsistent.
        *self.processes.lock().unwrap_or_else(PoisonError::into_inner) = expected;
    }

    /// Returns the processes that were noted last.
    pub(super) fn processes(&self) -> Vec<Process> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
