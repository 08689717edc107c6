//! The other ends: which process of this machine is the peer of a connection.
//!
//! Both ends of a connection within the machine are rows of the table, with each other's endpoints.
//! Used by the queries, for the rows that they show. Guarantees: a walk over the table finds the
//! peers of all rows asked for, with one look-up a row; memory grows with the rows asked for. A
//! peer is named only if no other row can be it.

use std::net::Ipv6Addr;
use std::sync::Arc;

use catalogue::labels::SocketState;
use hashbrown::HashMap;

use super::walk;
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;

/// An end of a connection: IPv4 as v4-mapped.
type End = (Ipv6Addr, u16);

/// The two ends of a connection, the smaller one first: both its rows have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends(End, End);

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
}

/// The other ends of the rows asked for.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<Ends, Met>);

impl Peers {
    /// Walks over the table once and finds the other end of each of `rows`. Without a row that can
    /// have one, it does not walk.
    #[must_use]
    pub(crate) fn of(table: &SharedTable, rows: &[RowView]) -> Self {
        let mut peers = Self::default();
        for row in rows.iter().filter(|row| has_peer(row)) {
            let met = peers.0.entry(ends(row).0).or_default();
            if !met.asked.contains(&row.netns) {
                met.asked.push(row.netns);
            }
        }
        if !peers.0.is_empty() {
            walk::rows(table, States::ALL, |row| peers.offer(&row));
        }
        peers
    }

    /// Returns the other end of a row that was asked for; `None` if it is on another machine, if
    /// addresses are translated between the ends, or if several rows can be it.
    #[must_use]
    pub(crate) fn get(&self, row: &RowView) -> Option<&PeerView> {
        let (ends, side) = ends(row);
        let met = self.0.get(&ends).filter(|_| has_peer(row))?;
        // A socket that is connected to itself is its own peer.
        let other = if ends.0 == ends.1 { side } else { !side };
        let is_local = row.peer_address.to_canonical().is_loopback();
        met.row(row.netns, other, is_local)
    }

    fn offer(&mut self, row: &RowView) {
        if !has_peer(row) {
            return;
        }
        let (ends, side) = ends(row);
        if let Some(met) = self.0.get_mut(&ends) {
            met.add(side, row);
        }
    }
}

/// Returns whether a row is a connection; a listener has no peer.
fn has_peer(row: &RowView) -> bool {
    row.peer_port != 0
}

fn ends(row: &RowView) -> (Ends, Side) {
    let local = (row.local_address, row.local_port);
    let peer = (row.peer_address, row.peer_port);
    if local <= peer { (Ends(local, peer), false) } else { (Ends(peer, local), true) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use agent_common::record::{Endpoints, State, flag};
    use agent_common::tcp;

    use super::*;
    use crate::conn::{Limits, Table};

    /// Namespace, local end, peer end.
    type Line = (u32, ([u8; 4], u16), ([u8; 4], u16));

    const HOST: [u8; 4] = [10, 0, 0, 1];
    const POD: [u8; 4] = [10, 0, 0, 2];
    const LOOP: [u8; 4] = [127, 0, 0, 1];

    fn words(address: [u8; 4]) -> [u64; 2] {
        let [a, b, c, d] = address;
        [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])]
    }

    /// Returns a table with one connect a line. The socket of line `n`, from 1 on, belongs to
    /// process `app<n>` with the id `100 + n`.
    fn table(rows: &[Line]) -> (SharedTable, Vec<RowView>) {
        let mut table = Table::new(Limits::default());
        for (number, (netns, local, peer)) in (1_u32..).zip(rows) {
            let ends = Endpoints {
                sk: number.into(),
                cgroup: 1,
                local: words(local.0),
                peer: words(peer.0),
                netns: *netns,
                local_port: local.1,
                peer_port: peer.1,
            };
            let mut comm = [0; 16];
            comm[..4].copy_from_slice(format!("app{number}").as_bytes());
            table.transition(&State {
                kind: 1,
                time: number.into(),
                ends,
                flags: flag::LOCKED,
                tgid: 100 + number,
                comm,
                old: tcp::CLOSE,
                new: tcp::SYN_SENT,
                ..State::default()
            });
        }
        let table = Arc::new(Mutex::new(table));
        let mut rows = Vec::new();
        walk::rows(&table, States::ALL, |row| rows.push(row));
        rows.sort_by_key(|row| row.sk);
        (table, rows)
    }

    /// Returns the process id of each row's peer, 0 for none.
    fn found(rows: &[Line]) -> Vec<u32> {
        let (table, rows) = table(rows);
        let peers = Peers::of(&table, &rows);
        rows.iter().map(|row| peers.get(row).and_then(|peer| peer.pid).unwrap_or(0)).collect()
    }

    #[test]
    fn both_ends_on_one_machine_find_each_other_and_an_end_elsewhere_is_none() {
        let (client, server) = ((LOOP, 40_000), (LOOP, 5432));
        let away = ([10, 9, 9, 9], 5432);
        assert_eq!(
            found(&[(1, client, server), (1, server, client), (1, (HOST, 40_000), away)]),
            [102, 101, 0]
        );
        let (table, rows) = table(&[(1, client, server), (1, server, client)]);
        let peers = Peers::of(&table, &rows[..1]);
        let peer = peers.get(&rows[0]).unwrap();
        assert_eq!((&*peer.process, &*peer.workload), ("app2", "host"));
        assert_eq!((peer.pid, peer.state), (Some(102), SocketState::SynSent));
    }

    #[test]
    fn ends_in_two_namespaces_are_joined_unless_the_address_is_loopback() {
        let (pod, host) = ((POD, 40_000), (HOST, 80));
        assert_eq!(found(&[(2, pod, host), (1, host, pod)]), [102, 101]);
        let (client, server) = ((LOOP, 40_000), (LOOP, 80));
        assert_eq!(found(&[(2, client, server), (1, server, client)]), [0, 0]);
    }

    #[test]
    fn the_same_namespace_comes_first_and_a_doubt_is_no_answer() {
        let (client, server) = ((LOOP, 40_000), (LOOP, 80));
        let twice =
            [(1, client, server), (2, client, server), (2, server, client), (1, server, client)];
        assert_eq!(found(&twice), [104, 103, 102, 101]);
        let (pod, host) = ((POD, 40_000), (HOST, 80));
        assert_eq!(
            found(&[(2, pod, host), (3, pod, host), (1, host, pod)]),
            [0, 0, 0],
            "one of two pods with the same address"
        );
        assert_eq!(
            found(&[(1, pod, host), (3, pod, host), (1, host, pod)]),
            [103, 0, 101],
            "the other pod has no claim on what is joined"
        );
    }

    #[test]
    fn a_socket_connected_to_itself_is_its_own_peer() {
        assert_eq!(found(&[(1, (LOOP, 40_000), (LOOP, 40_000))]), [101]);
    }

    #[test]
    fn memory_follows_the_rows_asked_for() {
        let (client, server) = ((LOOP, 40_000), (LOOP, 80));
        let (table, rows) = table(&[(1, client, server), (2, client, server), (3, client, server)]);
        let peers = Peers::of(&table, &rows[..1]);
        let met = peers.0.values().next().unwrap();
        assert_eq!((peers.0.len(), met.same.len()), (1, 1));
        assert!(Peers::of(&table, &[]).0.is_empty());
        assert_eq!(peers.get(&rows[2]), None);
    }
}
