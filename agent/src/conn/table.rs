//! The connection table's face: what the threads may ask of it.
//!
//! It owns the parts and hands each what it needs of the others. It decides nothing by itself.

use std::sync::Arc;

use agent_common::record::{Child, Close, Holder, Retransmit, Socket, State};

use super::account::destinations::Destinations;
use super::collect::results::PassResults;
use super::core::Core;
use super::limits::{Budget, Limits};
use super::nanos::Nanos;
use super::report::coverage::{Covered, PassSummary};
use super::report::snapshot::Snapshot;
use super::view::View;
use super::work::{PassRequest, Progress, Work};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::pressure::netns::Facts;
use crate::workload::{Key, Sight, Workload};

/// One row a live socket, and all that is counted from them.
pub struct Table {
    pub(super) core: Core,
    pub(super) work: Work,
    pub(super) results: PassResults,
}

impl Table {
    /// Creates an empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let results = PassResults::new(&limits);
        Self { core: Core::new(limits), work: Work::default(), results }
    }

    /// Takes the destinations that an operator has named; once, before the first record.
    pub fn name_destinations(&mut self, destinations: Destinations) {
        self.core.services.name(destinations);
    }

    /// Applies a transition; states that no record can carry are ignored.
    pub fn transition(&mut self, record: &State) {
        self.work.note(self.core.transition(record), record);
    }

    /// Applies a transition into CLOSE, with the socket's last numbers.
    // Inlined, it would make `ingest::apply` save registers for records of every kind.
    #[inline(never)]
    pub fn close(&mut self, record: &Close) {
        self.work.note(self.core.close(record), &record.state);
    }

    /// Counts retransmitted segments; those of a socket without a row count under `unknown`.
    pub fn retransmit(&mut self, record: &Retransmit) {
        self.core.retransmit(record);
    }

    /// Counts a retransmitted SYN-ACK, by the listener's port.
    pub fn synack_retransmit(&mut self, record: &Retransmit) {
        self.core.synack_retransmit(record);
    }

    /// Asks for a pass to begin, to be committed, or to be dropped; [`Self::step`] does it.
    pub fn request(&mut self, request: PassRequest) {
        self.work.request(request);
    }

    /// Does a part of what is left to do.
    pub fn step(&mut self, now: Nanos, budget: Budget) -> Progress {
        self.work.step(&mut self.core, &mut self.results, now, budget)
    }

    /// Begins a pass at once, however much is left to do; drops one that was under way.
    pub fn begin_pass(&mut self, now: Nanos) {
        self.work.begin_pass(&mut self.core, now);
    }

    /// Commits the pass at once, of which `covered` was read to the end.
    pub fn end_pass(&mut self, now: Nanos, covered: &Covered) -> PassSummary {
        self.work.end_pass(&mut self.core, &mut self.results, now, covered)
    }

    /// Takes what a network namespace tells of itself; before the entries of its list.
    pub fn pass_facts(&mut self, facts: Facts) {
        self.work.facts(facts);
    }

    /// Compares one entry of the socket list with the table.
    pub fn pass_socket(&mut self, entry: &Socket) {
        self.work.socket(&mut self.core, entry);
    }

    /// Takes a connection that waits in the accept queue of a listener.
    pub fn pass_child(&mut self, entry: &Child) {
        self.work.child(entry);
    }

    /// Notes a process that holds a socket; what follows is decided when the pass is committed.
    pub fn pass_holder(&mut self, entry: &Holder) {
        self.work.holder(&self.core, entry);
    }

    /// Takes the agent's own process id, as the kernel knows it.
    pub fn know_agent(&mut self, agent: u32) {
        self.core.readers.know_agent(agent);
    }

    /// Takes the id of the process that reads lists from here on, as the kernel knows it.
    pub fn know_reader(&mut self, reader: u32) {
        self.core.readers.note(reader);
    }

    /// Starts to resolve workloads, as far as `sight` reaches; before, every workload is `host`.
    pub fn see_workloads(&mut self, sight: Sight) {
        self.core.workloads.see(sight);
    }

    /// Takes what keys stand for; `None` for one that no longer exists.
    pub fn tell_workloads<I>(&mut self, answers: I, now: Nanos)
    where
        I: IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
    {
        self.work.resolve(&mut self.core, answers, now);
    }

    /// Takes what was read of the host and of the processes of [`View::owners`].
    pub fn take_readings(&mut self, host: Host, descriptors: impl Iterator<Item = Descriptors>) {
        self.results.take_readings(host, descriptors);
    }

    /// Returns everything counted, at `now`.
    #[must_use]
    pub fn snapshot(&mut self, now: Nanos) -> Snapshot {
        self.core.snapshot(&self.results, now)
    }

    /// Returns what can be read without changing anything.
    #[must_use]
    pub const fn view(&self) -> View<'_> {
        View::new(&self.core, &self.results)
    }
}
