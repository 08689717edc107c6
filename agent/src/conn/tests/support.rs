//! Records made short, and questions to a table.

use std::collections::HashSet;

use agent_common::record::{Close, Endpoints, Holder, Retransmit, Socket, State, flag};
use agent_common::tcp;
use catalogue::labels::{CloseReason, ConnectFailure, Correction, Role, SocketState};
use proptest::test_runner::Config;

use super::ledger::balance;
pub(super) use super::time::{MS, SECOND};
use crate::conn::ids::{GroupId, RowId};
use crate::conn::report::snapshot::{Group, Service, Snapshot};
use crate::conn::socket::row::{Row, flag as row_flag};
use crate::conn::{Attribution, Covered, Limits, Nanos, RowView, Table};

/// The tests' namespace.
pub(super) const NETNS: u32 = 4_026_531_840;
/// The port that the tests' servers listen on.
pub(super) const PORT: u16 = 8080;
/// The port that the tests' clients connect from.
pub(super) const EPHEMERAL: u16 = 40_000;
/// Room enough for any test that does not ask for less.
pub(super) const LIMITS: Limits = Limits {
    connections: 10_000,
    groups: 100,
    unlabelled: 0,
    services: 100,
    namespaces: 8,
    ports: 8,
    young: Nanos::ZERO,
};

/// Fewer places for names than the properties use.
pub(super) const TIGHT: Limits = Limits { groups: 3, unlabelled: 2, services: 3, ..LIMITS };

/// A property with so many cases, or with `PROPTEST_CASES`, which `cargo xtask check` sets.
pub(super) fn config(cases: u32) -> Config {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|wanted| wanted.parse().ok());
    Config { cases: wanted.unwrap_or(cases), ..Config::default() }
}

/// An IPv4 address as records carry it.
pub(super) fn v4(address: [u8; 4]) -> [u64; 2] {
    let [a, b, c, d] = address;
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])]
}

/// The ends of a client (`local_port` is the ephemeral one) or, turned around, of a server.
pub(super) fn ends(sk: u64, local_port: u16, peer_port: u16) -> Endpoints {
    let home = v4([127, 0, 0, 1]);
    Endpoints { sk, cgroup: 1, local: home, peer: home, netns: NETNS, local_port, peer_port }
}

/// A command name as records carry it.
pub(super) fn comm(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    padded
}

/// A transition at a time in milliseconds, made by nobody.
pub(super) fn step(ends: Endpoints, old: u8, new: u8, ms: u64) -> State {
    State { kind: 1, old, new, time: (ms * MS).get(), ends, ..State::default() }
}

/// The same, made by its owner.
pub(super) fn owned(record: State, name: &str, tgid: u32) -> State {
    State { flags: record.flags | flag::LOCKED, tgid, comm: comm(name), ..record }
}

/// The same, with an error.
pub(super) fn failing(record: State, err: u16) -> State {
    State { err, ..record }
}

/// The numbers that a close brings.
pub(super) fn closing(state: State) -> Close {
    Close { state, bytes_sent: 1000, bytes_received: 300, srtt_us: 250, retransmitted: 0 }
}

/// A retransmission in a state.
pub(super) fn resent(ends: Endpoints, state: u8, segments: u32) -> Retransmit {
    Retransmit { kind: 3, state, ca_state: 4, ends, segments, ..Retransmit::default() }
}

/// An entry of the socket list.
pub(super) fn entry(ends: Endpoints, state: u8, ms: u64) -> Socket {
    Socket { kind: 5, state, time: (ms * MS).get(), ends, ..Socket::default() }
}

/// A descriptor.
pub(super) fn holder(sk: u64, name: &str, tgid: u32) -> Holder {
    Holder { kind: 6, tgid, sk, comm: comm(name), ..Holder::default() }
}

/// What a pass has read: the lists of these namespaces.
pub(super) fn reads<const N: usize>(namespaces: [u32; N]) -> Covered {
    Covered { namespaces: HashSet::from(namespaces), ..Covered::default() }
}

/// What a pass has read: the list of the one namespace of most tests.
pub(super) fn covered() -> Covered {
    reads([NETNS])
}

/// What a pass has read: that list and, from a time on, the descriptor tables.
pub(super) fn walked(time: Nanos) -> Covered {
    Covered { holders: Some(time), ..covered() }
}

/// A table that has been seeded with nothing.
pub(super) fn seeded() -> Table {
    let mut table = Table::new(LIMITS);
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    table
}

/// Applies transitions, closes with their numbers.
pub(super) fn apply(table: &mut Table, records: &[State]) {
    for record in records {
        if record.new == tcp::CLOSE {
            table.close(&closing(*record));
        } else {
            table.transition(record);
        }
    }
}

/// Asks a snapshot.
pub(super) trait Ask {
    /// How many rows are in a state.
    fn gauge(&self, state: SocketState) -> u64;
    /// How many rows a process has in a state.
    fn gauge_of(&self, process: &str, role: Role, state: SocketState) -> u64;
    /// The group of a process.
    fn group(&self, process: &str, role: Role) -> Option<&Group>;
    /// The service of a process.
    fn service(&self, process: &str, role: Role, port: u16) -> Option<&Service>;
    /// All that opened.
    fn opened(&self) -> u64;
    /// All that closed.
    fn closed(&self) -> u64;
    /// All that closed for a reason.
    fn closed_for(&self, reason: CloseReason) -> u64;
    /// All connects that came to nothing.
    fn failed(&self) -> u64;
    /// Those that did for a reason.
    fn failed_for(&self, reason: ConnectFailure) -> u64;
    /// Corrections of a kind.
    fn corrected(&self, kind: Correction) -> u64;
    /// Corrections of any kind.
    fn drift(&self) -> u64;
}

impl Ask for Snapshot {
    fn gauge(&self, state: SocketState) -> u64 {
        self.groups.iter().map(|group| group.states[state.index()].count).sum()
    }

    fn gauge_of(&self, process: &str, role: Role, state: SocketState) -> u64 {
        self.group(process, role).map_or(0, |group| group.states[state.index()].count)
    }

    fn group(&self, process: &str, role: Role) -> Option<&Group> {
        self.groups.iter().find(|group| &*group.process == process && group.role == role)
    }

    fn service(&self, process: &str, role: Role, port: u16) -> Option<&Service> {
        self.services.iter().find(|service| {
            &*service.process == process && service.role == role && service.port == Some(port)
        })
    }

    fn opened(&self) -> u64 {
        self.services.iter().map(|service| service.opened).sum()
    }

    fn closed(&self) -> u64 {
        self.services.iter().flat_map(|service| service.closed).sum()
    }

    fn closed_for(&self, reason: CloseReason) -> u64 {
        self.services.iter().map(|service| service.closed[reason.index()]).sum()
    }

    fn failed(&self) -> u64 {
        self.services.iter().flat_map(|service| service.failures).sum()
    }

    fn failed_for(&self, reason: ConnectFailure) -> u64 {
        self.services.iter().map(|service| service.failures[reason.index()]).sum()
    }

    fn corrected(&self, kind: Correction) -> u64 {
        self.corrections[kind.index()]
    }

    fn drift(&self) -> u64 {
        self.corrections.iter().sum()
    }
}

/// The row of a socket.
pub(super) fn row(table: &Table, sk: u64) -> Option<RowView> {
    table.view().rows().find(|row| row.sk == sk)
}

/// Panics where the table contradicts itself.
pub(super) fn check(table: &mut Table, now: Nanos) {
    let snapshot = table.snapshot(now);
    let mut linked = 0;
    for group in (0..table.core.groups.len()).filter_map(GroupId::at) {
        for &state in SocketState::ALL {
            linked += check_list(table, group, state, false);
        }
        linked += check_list(table, group, SocketState::FinWait2, true);
    }
    super::seen::check(&snapshot);
    check_rows(table, &snapshot, linked);
    check_counts(table, &snapshot);
}

/// Checks the list of one group and state, or of its orphans. Returns how many rows are in it.
fn check_list(table: &Table, group: GroupId, state: SocketState, orphan: bool) -> usize {
    let rows = &table.core.rows;
    let mut like = Row::new(&ends(0, 0, 0), state, Role::Client, Nanos::ZERO);
    (like.group, like.flags) = (group, if orphan { row_flag::ORPHAN } else { 0 });
    let list = table.core.groups.peek(&like);
    let indices: Vec<RowId> = list.indices(rows).collect();
    let gauge = list.gauge(rows);
    assert_eq!(gauge.count, indices.len() as u64, "a list counts its rows");
    let closing =
        indices.iter().map(|index| &rows[*index]).filter(|row| row.state == SocketState::CloseWait);
    let stages = closing.fold([0; 3], |mut sum, row| {
        sum[row.queues.stage().index()] += 1;
        sum
    });
    assert_eq!(list.stages(), stages, "a list counts its rows by stage");
    assert_eq!(list.tail(), indices.last().copied(), "a list ends at its tail");
    for pair in indices.windows(2) {
        let (first, second) = (&rows[pair[0]], &rows[pair[1]]);
        assert!(first.entered <= second.entered, "a list is in order of time");
        assert_eq!(second.prev, Some(pair[0]), "a list is linked both ways");
    }
    for index in &indices {
        let row = &rows[*index];
        assert!(row.has(row_flag::LIVE) && row.group == group && row.state == state);
        assert_eq!(row.is_left(), orphan);
        assert_eq!(table.core.find(row.sk), Some(*index), "every row is found by its socket");
    }
    let entered = indices.iter().map(|index| rows[*index].entered);
    table.core.thresholds.check(&gauge, &entered, state.can_leak() && !orphan);
    indices.len()
}

/// Checks that every row is in one list, in the index, and in one gauge.
fn check_rows(table: &Table, snapshot: &Snapshot, linked: usize) {
    let all = [("rows in use", table.core.rows.iter().count() as u64)];
    balance("every row is in one list", &[("rows in lists", linked as u64)], &all);
    balance("the slab counts its rows", &[("counted", table.core.rows.len() as u64)], &all);
    balance("every row is in the index once", &[("indexed", table.core.index.len() as u64)], &all);
    balance("every row is told", &[("tracked", snapshot.tracked)], &all);
    let shown: u64 =
        snapshot.groups.iter().flat_map(|group| group.states.map(|state| state.count)).sum();
    let orphans = table.core.rows.iter().filter(|row| row.is_left()).count() as u64;
    balance(
        "every row is in one gauge, but for orphans in FIN_WAIT2",
        &[("in gauges", shown), ("orphans in FIN_WAIT2", orphans)],
        &all,
    );
}

/// Checks what is counted besides: owners, verification, openings and closings.
fn check_counts(table: &Table, snapshot: &Snapshot) {
    let unattributed =
        table.view().rows().filter(|row| row.attribution == Attribution::None).count() as u64;
    balance(
        "rows without an owner are counted",
        &[("unattributed", snapshot.unattributed)],
        &[("rows without an owner", unattributed)],
    );
    let unverified = table.core.rows.iter().filter(|row| {
        row.state.can_leak() && !row.is_left() && row.entered >= table.core.thresholds.walked()
    });
    assert_eq!(
        table.view().unverified_since(),
        unverified.map(|row| row.entered).min(),
        "who waits longest to be verified"
    );
    let connected =
        table.core.rows.iter().filter(|row| row.has(row_flag::CONNECTED)).count() as u64;
    let (opened, closed) = table.core.services.totals();
    balance(
        "what has opened has closed or has a row",
        &[("opened", opened), ("adopted", table.core.counters.adopted)],
        &[("closed", closed), ("connected rows", connected)],
    );
}
