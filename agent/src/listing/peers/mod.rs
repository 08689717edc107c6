//! The other ends: which process of this machine is the peer of a connection.
//!
//! Both ends of a connection within the machine are rows of the table, with each other's endpoints;
//! through NAT, with those that the other side of it has. Used by the queries, for the rows that
//! they show. Guarantees: a walk over the table finds the peers of all rows asked for, with one
//! hash look-up a row; memory grows with the rows asked for. A peer is named only if no other row
//! can be it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use catalogue::labels::SocketState;
use hashbrown::HashMap;

use super::walk;
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::nat;

/// The two ends of a connection, the smaller one first: both its rows have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends(nat::End, nat::End);

/// The side of a row: whether its local end is the larger one.
type Side = bool;

/// The other end of a connection, as its own row shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerView {
    /// The name of the process, as in the metrics.
    pub(crate) process: Arc<str>,
    /// The id of the process; `None` if the owner is not known.
    pub(crate) pid: Option<u32>,
    /// The workload.
    pub(crate) workload: Arc<str>,
    /// The state.
    pub(crate) state: SocketState,
}

impl From<&RowView> for PeerView {
    fn from(row: &RowView) -> Self {
        Self {
            process: Arc::clone(&row.process),
            pid: row.pid(),
            workload: Arc::clone(&row.workload),
            state: row.state,
        }
    }
}

/// What the walk met of one pair of ends.
#[derive(Debug, Default)]
struct Met {
    /// The network namespaces of the rows asked for.
    asked: Vec<u32>,
    /// The rows in these namespaces: at most one a namespace and side.
    same: Vec<(u32, Side, PeerView)>,
    /// How many rows of each side there are in all namespaces.
    counts: [u64; 2],
    /// The first row of each side.
    first: [Option<PeerView>; 2],
}

impl Met {
    fn add(&mut self, side: Side, row: &RowView) {
        let place = usize::from(side);
        self.counts[place] += 1;
        if self.first[place].is_none() {
            self.first[place] = Some(row.into());
        }
        let is_known = |known: &(u32, Side, _)| (known.0, known.1) == (row.netns, side);
        if self.asked.contains(&row.netns) && !self.same.iter().any(is_known) {
            self.same.push((row.netns, side, row.into()));
        }
    }

    /// Returns the row of a side for one in `netns` of the other: in the same namespace, else the
    /// only one of all namespaces if both sides have only one.
    fn row(&self, netns: u32, side: Side, is_local: bool) -> Option<&PeerView> {
        let same = self.same.iter().find(|known| (known.0, known.1) == (netns, side));
        let only = || {
            let is_only = self.counts.iter().all(|count| *count == 1);
            self.first[usize::from(side)].as_ref().filter(|_| is_only && !is_local)
        };
        same.map(|(_, _, row)| row).or_else(only)
    }

    /// Returns the same for a row that has these ends on the other side of NAT only: one that has
    /// them itself is the peer of what is there.
    fn row_beyond(&self, netns: u32, side: Side, is_local: bool) -> Option<&PeerView> {
        let of = |side: Side| self.same.iter().find(|known| (known.0, known.1) == (netns, side));
        let same = of(side).filter(|_| of(!side).is_none());
        let only = || {
            let [one, other] = [side, !side].map(|side| self.counts[usize::from(side)]);
            let is_only = one == 1 && other == 0 && !is_local;
            self.first[usize::from(side)].as_ref().filter(|_| is_only)
        };
        same.map(|(_, _, row)| row).or_else(only)
    }
}

/// The other ends of the rows asked for.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<Ends, Met>);

impl Peers {
    /// Walks over the table once and finds the other end of each of `rows`. Without a row that can
    /// have one, it does not walk. `beyond` has the ends of each row on the other side of NAT,
    /// where they differ; it may be shorter than `rows`.
    #[must_use]
    pub(crate) fn of(table: &SharedTable, rows: &[RowView], beyond: &[Option<nat::Ends>]) -> Self {
        let mut peers = Self::default();
        let beyond = beyond.iter().copied().chain(std::iter::repeat(None));
        for (row, beyond) in rows.iter().zip(beyond).filter(|(row, _)| has_peer(row)) {
            let own = nat::Ends::from(row);
            for ends in std::iter::once(own).chain(beyond) {
                let met = peers.0.entry(sorted(ends).0).or_default();
                if !met.asked.contains(&row.netns) {
                    met.asked.push(row.netns);
                }
            }
        }
        if !peers.0.is_empty() {
            walk::rows(table, States::ALL, |row| peers.offer(&row));
        }
        peers
    }

    /// Returns the other end of a row that was asked for with the same `beyond`; `None` if it is on
    /// another machine, if addresses are translated in another way, or if several rows can be it.
    #[must_use]
    pub(crate) fn get(&self, row: &RowView, beyond: Option<nat::Ends>) -> Option<&PeerView> {
        let own = nat::Ends::from(row);
        self.find(row, own, Met::row)
            .or_else(|| self.find(row, beyond?, Met::row_beyond))
            .filter(|_| has_peer(row))
    }

    fn find<'a>(
        &'a self,
        row: &RowView,
        ends: nat::Ends,
        of: impl FnOnce(&'a Met, u32, Side, bool) -> Option<&'a PeerView>,
    ) -> Option<&'a PeerView> {
        let (sorted, side) = sorted(ends);
        let met = self.0.get(&sorted)?;
        // A socket that is connected to itself is its own peer.
        let other = if sorted.0 == sorted.1 { side } else { !side };
        of(met, row.netns, other, ends.peer.0.to_canonical().is_loopback())
    }

    fn offer(&mut self, row: &RowView) {
        if !has_peer(row) {
            return;
        }
        let (ends, side) = sorted(row.into());
        if let Some(met) = self.0.get_mut(&ends) {
            met.add(side, row);
        }
    }
}

/// Returns whether a row is a connection; a listener has no peer.
fn has_peer(row: &RowView) -> bool {
    row.peer_port != 0
}

fn sorted(nat::Ends { local, peer }: nat::Ends) -> (Ends, Side) {
    if local <= peer { (Ends(local, peer), false) } else { (Ends(peer, local), true) }
}
