//! Which processes hold the ports of a destination: one walk over the table for all destinations.
//!
//! Guarantee: at most [`MOST`] processes are told apart at a destination; the connections of others
//! are counted together.

use std::cmp::Reverse;
use std::sync::Arc;

use catalogue::labels::{Role, SocketState};
use hashbrown::HashMap;

use super::PortHolder;
use crate::conn::pressure::Destination;
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::listing::walk;

/// The most processes that are told apart at a destination.
const MOST: usize = 1024;
/// The most processes of a destination that are shown.
const SHOWN: usize = 5;

/// Name, process id and workload.
type Process = (Arc<str>, Option<u32>, Arc<str>);

/// The processes at one destination with their connections, and the connections of all others.
#[derive(Default)]
pub(super) struct Counts {
    processes: HashMap<Process, u64>,
    others: u64,
}

/// The processes at each of some destinations.
pub(super) struct Holders<'a> {
    destinations: &'a [Destination],
    counts: Vec<Counts>,
}

impl<'a> Holders<'a> {
    /// Walks over the table once, unless there is no destination.
    pub(super) fn of(table: &SharedTable, destinations: &'a [Destination]) -> Self {
        let counts = destinations.iter().map(|_| Counts::default()).collect();
        let mut holders = Self { destinations, counts };
        if !destinations.is_empty() {
            walk::rows(table, States::ALL, |row| holders.add(&row));
        }
        holders
    }

    fn add(&mut self, row: &RowView) {
        for (destination, counts) in self.destinations.iter().zip(&mut self.counts) {
            if takes_port(row, destination) {
                counts.add(row);
            }
        }
    }

    /// Returns for each destination the processes with the most connections, and the connections
    /// of all others.
    pub(super) fn finish(self) -> impl Iterator<Item = (Vec<PortHolder>, u64)> {
        self.counts.into_iter().map(Counts::finish)
    }
}

impl Counts {
    pub(super) fn add(&mut self, row: &RowView) {
        let process = (Arc::clone(&row.process), row.pid(), Arc::clone(&row.workload));
        if self.processes.len() >= MOST && !self.processes.contains_key(&process) {
            self.others += 1;
        } else {
            *self.processes.entry(process).or_default() += 1;
        }
    }

    pub(super) fn finish(self) -> (Vec<PortHolder>, u64) {
        let mut all: Vec<_> = self.processes.into_iter().collect();
        all.sort_by(|(one, count), (other, others)| {
            Reverse(count).cmp(&Reverse(others)).then_with(|| one.cmp(other))
        });
        let rest = all.split_off(SHOWN.min(all.len()));
        let others = rest.iter().map(|(_, count)| count).sum::<u64>() + self.others;
        let shown = all.into_iter().map(|((process, pid, workload), connections)| PortHolder {
            process: process.to_string(),
            pid,
            workload: workload.to_string(),
            connections,
        });
        (shown.collect(), others)
    }
}

/// Returns whether a destination stands for all: its ports were taken by `bind`.
pub(super) const fn is_any(destination: &Destination) -> bool {
    destination.peer_port == 0
}

/// Returns whether a connection has taken one of the ports of a destination.
pub(super) fn takes_port(row: &RowView, destination: &Destination) -> bool {
    let is_here = (row.netns, row.local_address) == (destination.netns, destination.local);
    let is_connect = row.state != SocketState::Listen && row.role != Role::Server;
    let fits = if is_any(destination) {
        row.activity.bound
    } else {
        (row.peer_address, row.peer_port) == (destination.peer, destination.peer_port)
    };
    is_here && is_connect && fits
}
