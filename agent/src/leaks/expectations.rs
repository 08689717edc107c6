//! What the configuration expects of processes, `[[expected]]`: it accuses nobody, neither in
//! `leaks` nor in alerts.
//!
//! Used by `Watch`: for each verdict, and with each sample for the alerts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::kind::Kind;
use super::survey::{Key, Survey};
use super::suspect::Candidate;
use crate::config::Expected;

/// A process, by name and workload.
type Process = (Arc<str>, Arc<str>);

/// The entries, and the processes that nothing accuses beside what they cover.
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

    /// Returns why a verdict on so many connections of a group is expected, if it is. A process
    /// that does not accept hangs: nobody expects that.
    pub(super) fn reason(&self, key: &Key, kind: Kind, connections: u64) -> Option<&str> {
        if kind == Kind::NeverAccepted { None } else { self.covering(key, connections) }
    }

    /// Returns the reason of the first entry that covers so many connections of a group.
    fn covering(&self, key: &Key, connections: u64) -> Option<&str> {
        let now = SystemTime::now();
        let covers = |one: &&Expected| one.covers(&key.process, key.service_port, connections, now);
        self.entries.iter().find(covers).map(|one| one.reason.as_str())
    }

    /// Notes the processes of which an entry covers a group, and which nothing accuses beside what
    /// is expected. A verdict is not needed: an alert looks back longer than a leak grows.
    pub(super) fn note(&self, survey: &Survey, verdicts: &[Candidate<'_>]) {
        let covered =
            survey.groups().filter(|(key, group)| self.covering(key, group.tally.count).is_some());
        let mut expected: BTreeSet<Process> =
            covered.map(|(key, _)| (Arc::clone(&key.process), Arc::clone(&key.workload))).collect();
        for accused in verdicts.iter().filter(|one| one.accuses()) {
            expected.remove(&accused.process());
        }
        // The list is replaced as a whole: after a panic it is old, but not inconsistent.
        *self.processes.lock().unwrap_or_else(PoisonError::into_inner) =
            expected.into_iter().collect();
    }

    /// Returns the processes that were noted last.
    pub(super) fn processes(&self) -> Vec<Process> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
