//! What the table shows: the counts for the metrics in one snapshot, and the rows in slices, so
//! that no reader holds the table lock for long.
//!
//! Called through [`Table::view`](super::Table::view) and
//! [`Table::snapshot`](super::Table::snapshot).

use std::collections::HashSet;
use std::sync::Arc;

use catalogue::labels::SocketState;
use hashbrown::HashMap;

use super::collect::results::PassResults;
use super::core::Core;
use super::ids::RowId;
use super::limits::Budget;
use super::nanos::Nanos;
use super::regroup::migration::Wanted;
use super::report::pressure::{Destination, Pressure};
use super::report::snapshot::{Flows, Snapshot};
use super::report::totals::Totals;
use super::report::trouble::{Trouble, TroubleKind};
use super::socket::activity::Activity;
use super::socket::attribution::Attribution;
use super::socket::row::{Row, flag, words};
use super::socket::row_view::{RowView, States};
use super::store::listener_index::Behind;
use crate::internal_error;
use crate::workload::Workload;

/// What can be read of the table without changing anything.
#[derive(Clone, Copy)]
pub struct View<'a> {
    core: &'a Core,
    results: &'a PassResults,
}

impl<'a> View<'a> {
    pub(super) const fn new(core: &'a Core, results: &'a PassResults) -> Self {
        Self { core, results }
    }

    /// Returns all rows, in no particular order.
    pub fn rows(self) -> impl Iterator<Item = RowView> + 'a {
        self.core.rows.with_activity().map(move |(row, activity)| self.row(row, activity))
    }

    /// Appends the rows in `states` among `slots` slots of the slab from `from` on, and counts in
    /// `seen` the rows there in any state. Returns the slot to continue at; `None` at the end. A
    /// row keeps its slot for life, so a walk over all slots meets each row that lives through it
    /// exactly once.
    pub fn slice(
        self,
        from: u32,
        slots: u32,
        states: States,
        into: &mut Vec<RowView>,
        seen: &mut u64,
    ) -> Option<u32> {
        let rows = &self.core.rows;
        let end = from.saturating_add(slots).min(rows.top());
        let live = (from..end)
            .filter_map(RowId::new)
            .filter(|id| rows[*id].has(flag::LIVE))
            .inspect(|_| *seen += 1);
        into.extend(
            live.filter(|id| states.has(rows[*id].state))
                .map(|id| self.row(&rows[id], rows.activity(id))),
        );
        (end < rows.top()).then_some(end)
    }

    /// Returns whether rows in use belong to one of the processes that have `ended`, among `slots`
    /// slots of the slab from `from` on, and the slot to continue at; `None` at the end. The kernel
    /// closes the sockets of a process that ends, so a socket that is still in use then is held by
    /// another process.
    #[must_use]
    pub fn outlives(self, ended: &HashSet<u32>, from: u32, slots: u32) -> (bool, Option<u32>) {
        use SocketState::{CloseWait, Established, Listen, SynSent};
        let rows = &self.core.rows;
        let end = from.saturating_add(slots).min(rows.top());
        let in_use = |row: &Row| {
            matches!(row.state, CloseWait | Established | Listen | SynSent)
                && row.attribution > Attribution::Elsewhere
        };
        let found = (from..end)
            .filter_map(|slot| RowId::new(slot).map(|id| &rows[id]))
            .any(|row| row.has(flag::LIVE) && in_use(row) && ended.contains(&row.tgid));
        (found, (end < rows.top()).then_some(end))
    }

    /// Returns when the row that has been longest in a leak state without a reading of the
    /// descriptor tables entered that state.
    #[must_use]
    pub fn unverified_since(self) -> Option<Nanos> {
        self.core.groups.unverified_since(&self.core.rows)
    }

    /// Returns the destinations that have taken most of their ports, the worst first: at most 20,
    /// as of the last pass.
    #[must_use]
    pub fn destinations(self) -> &'a [Destination] {
        self.results.destinations()
    }

    /// Returns who fails, waits, is reset or retransmits towards whom, and how much was left out.
    #[must_use]
    pub fn troubles(self, kind: TroubleKind) -> (Vec<Trouble>, u64) {
        self.core.troubles.shown(kind)
    }

    /// Returns the processes whose descriptors are worth reading, as of the last pass. Returns none
    /// if the id of the process that reads the lists differs between the kernel and the agent's own
    /// namespace, because `/proc` then belongs to another pid namespace.
    #[must_use]
    pub fn owners(self, reader: u32) -> Vec<u32> {
        if self.core.readers.has(reader) { self.results.owners() } else { Vec::new() }
    }

    /// Returns the processes that held the listener behind a connection when the descriptor tables
    /// were last read, if there were several; at most 64.
    #[must_use]
    pub fn holders_of_listener(self, row: &RowView) -> Vec<u32> {
        let local = words(row.local_address);
        match self.core.listeners.find(row.netns, row.local_port, local) {
            Some(Behind::One(index)) => self.results.holders(self.core.rows[index].sk),
            Some(Behind::OneOfSeveral) | None => Vec::new(),
        }
    }

    /// Returns the listener of this host that a connection of `row` leads to; `None` if its peer is
    /// elsewhere, or one of several processes.
    #[must_use]
    pub fn listener_of_peer(self, row: &RowView) -> Option<RowView> {
        let peer = words(row.peer_address);
        match self.core.listeners.find(row.netns, row.peer_port, peer)? {
            Behind::One(index) => {
                let rows = &self.core.rows;
                Some(self.row(&rows[index], rows.activity(index)))
            }
            Behind::OneOfSeveral => None,
        }
    }

    /// Returns when each process was forked that held a socket in the last pass, if the kernel
    /// tells.
    #[must_use]
    pub fn started(self) -> Arc<HashMap<u32, Nanos>> {
        self.results.started()
    }

    /// Returns listeners, ports, processes and settings, as of the last pass.
    #[must_use]
    pub fn pressure(self) -> Pressure {
        self.results.pressure()
    }

    /// Returns how many connections each service has opened and closed.
    #[must_use]
    pub fn flows(self) -> Flows {
        self.core.services.flows(&self.core.groups)
    }

    /// Returns the sums over all processes and services: what a snapshot adds up to, without one.
    /// The cost grows with the number of groups and services.
    #[must_use]
    pub fn totals(self) -> Totals {
        let mut totals = Totals::default();
        self.core.groups.add_to(&mut totals);
        self.core.services.add_to(&mut totals, &self.core.groups);
        let namespaces = &self.core.counters.namespaces;
        totals.time_wait = namespaces.iter().map(|namespace| namespace.time_wait).sum();
        totals
    }

    /// Returns whether a workload waits for its name.
    #[must_use]
    pub fn wants_workloads(self) -> bool {
        self.core.workloads.wants()
    }

    /// Returns what the resolver is asked.
    #[must_use]
    pub fn wanted_workloads(self) -> Wanted {
        Wanted { keys: self.core.workloads.wanted(), processes: self.core.workloads.processes() }
    }

    fn row(self, row: &Row, activity: &Activity) -> RowView {
        let groups = &self.core.groups;
        let looked = self.results.looked(row.seen);
        RowView::new(row, activity, groups.name(row.group), groups.workload(row.group), looked)
    }
}

impl Core {
    /// Returns the workloads that have a group, each name once.
    fn shown_workloads(&self) -> Vec<Arc<Workload>> {
        let groups = self.groups.workloads().into_iter();
        groups.map(|workload| self.workloads.shown(workload)).collect()
    }

    /// Returns everything counted, at `now`. The cost grows with the number of groups and services,
    /// and with the rows that passed an age since the last time.
    pub(super) fn snapshot(&mut self, results: &PassResults, now: Nanos) -> Snapshot {
        self.thresholds.advance(now);
        let counters = &self.counters;
        Snapshot {
            taken_at: now.get(),
            destinations: self.services.destinations().names().to_vec(),
            groups: self.groups.snapshot(&self.rows, &self.thresholds),
            services: self.services.snapshot(&self.groups),
            workloads: self.shown_workloads(),
            state_durations: counters.state_durations.clone(),
            synack_retransmits: self.ports.snapshot(),
            retransmit_failures: counters.retransmit_failures,
            retransmits_unseen: self.unseen.total(),
            namespaces: counters.namespaces.clone(),
            pressure: results.pressure(),
            transitions: counters.transitions,
            retransmits: counters.retransmits,
            tracked: count(self.rows.len()),
            limit: count(self.rows.limit()),
            refused: counters.refused,
            unattributed: counters.unattributed,
            unverified: counters.unverified,
            unheld: counters.unheld,
            shared: counters.shared,
            owners_read: counters.owners_read.map(Nanos::get),
            corrections: counters.corrections,
            internal_errors: internal_error::count(),
            reconcile_durations: counters.reconcile_durations.clone(),
            last_reconcile: counters.last_reconcile.map(Nanos::get),
            label_overflow: vec![
                ("groups", self.groups.overflow),
                ("services", self.services.overflow),
                ("ports", self.ports.overflow()),
                ("namespaces", counters.namespaces_folded),
                ("listeners", results.listeners_folded()),
                ("workloads", self.workloads.overflow),
            ],
        }
    }

    /// Brings the counts of rows past an age up to `now`, over about as many rows as `budget` says,
    /// so that a snapshot has little of that left to do; and gives labels to the names that are old
    /// enough.
    pub(super) fn age(&mut self, now: Nanos, mut budget: Budget) {
        self.thresholds.advance(now);
        self.groups.advance(&self.rows, &self.thresholds, &mut budget);
        self.groups.grow_up(now);
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
