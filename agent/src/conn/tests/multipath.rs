//! The state of MPTCP connections: kept in the rows of their subflows, and in no others.

use agent_common::record::{Holder, Socket, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT2};
use catalogue::labels::SocketState;

use super::support::{
    EPHEMERAL, PORT, SECOND, apply, check, covered, ends, entry, holder, row, seeded, step, walked,
};
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::{MultipathView, Nanos, PassRequest, Progress, Table};

/// The addresses of two MPTCP sockets.
const OUTER: [u64; 2] = [900, 901];

/// An entry of a socket at that second; 0 is the outer one of plain TCP.
fn listed(sk: u64, outer: u64, at: u64) -> Socket {
    let end = ends(sk, PORT, EPHEMERAL + u16::try_from(sk).unwrap());
    Socket { outer, flags: flag::ATTACHED, ..entry(end, ESTABLISHED, at * 1000) }
}

/// Begins a pass that lists these sockets and meets these MPTCP sockets among descriptors.
fn read(table: &mut Table, at: u64, sockets: &[(u64, u64)], met: &[(u64, u8)]) {
    table.begin_pass(at * SECOND);
    for (sk, outer) in sockets {
        table.pass_socket(&listed(*sk, *outer, at));
    }
    for (outer, state) in met {
        table.pass_holder(&Holder { state: *state, ..holder(*outer, "multi", 21) });
    }
}

fn pass(table: &mut Table, at: u64, sockets: &[(u64, u64)], met: &[(u64, u8)]) {
    read(table, at, sockets, met);
    table.end_pass(at * SECOND, &walked(at * SECOND));
    check(table, at * SECOND);
}

fn shown(table: &Table, sk: u64) -> Option<MultipathView> {
    row(table, sk).expect("the row").activity.multipath
}

/// The state of a connection and the second since which it is known.
fn state(table: &Table, sk: u64) -> Option<(SocketState, u64)> {
    shown(table, sk).map(|shown| (shown.state, shown.since / SECOND.get()))
}

/// Two subflows of one connection, one of another, and a socket of plain TCP.
const ALL: [(u64, u64); 4] = [(1, OUTER[0]), (2, OUTER[0]), (3, OUTER[1]), (4, 0)];

#[test]
fn subflows_have_the_state_of_their_connection_and_plain_tcp_has_none() {
    use SocketState::{CloseWait, Established};
    let mut table = seeded();
    pass(&mut table, 10, &ALL, &[(OUTER[0], ESTABLISHED), (OUTER[1], CLOSE_WAIT), (4, 0)]);
    let all = |table: &Table| [1, 2, 3, 4].map(|sk| state(table, sk));
    let open = Some((Established, 10));
    assert_eq!(all(&table), [open, open, Some((CloseWait, 10)), None]);
    let met = [(OUTER[0], CLOSE_WAIT), (OUTER[1], FIN_WAIT2), (4, 0)];
    pass(&mut table, 20, &ALL, &met);
    let (closed, half) = (Some((CloseWait, 20)), Some((SocketState::FinWait2, 20)));
    assert_eq!(all(&table), [closed, closed, half, None]);
    pass(&mut table, 40, &ALL, &met);
    assert_eq!(all(&table), [closed, closed, half, None], "a state is as old as its first reading");
    let leads = |sk| shown(&table, sk).is_some_and(|shown| shown.leads);
    assert_eq!([1, 2, 3].map(leads), [true, false, true], "one subflow of each leads");
    let closed = [1, 2, 3, 4].map(|sk| row(&table, sk).unwrap().closed_multipath().is_some());
    assert_eq!(closed, [true, true, false, false]);
}

#[test]
fn the_state_is_unknown_once_descriptors_or_the_list_do_not_show_the_connection() {
    let closed = Some((SocketState::CloseWait, 10));
    let made = || {
        let mut table = seeded();
        pass(&mut table, 10, &ALL[..2], &[(OUTER[0], CLOSE_WAIT)]);
        assert_eq!([state(&table, 1), state(&table, 2)], [closed; 2]);
        table
    };
    let mut table = made();
    read(&mut table, 20, &ALL[..2], &[]);
    table.end_pass(20 * SECOND, &covered());
    assert_eq!(state(&table, 1), closed, "the descriptor tables were not read");
    pass(&mut table, 30, &ALL[..2], &[]);
    assert_eq!([state(&table, 1), state(&table, 2)], [None; 2], "no descriptor refers to it");

    let mut table = made();
    pass(&mut table, 20, &[(1, 0), (2, OUTER[0])], &[(OUTER[0], CLOSE_WAIT)]);
    assert_eq!([state(&table, 1), state(&table, 2)], [None, closed], "it is no subflow any more");
    assert!(shown(&table, 2).unwrap().leads, "the other one leads now");

    let mut table = made();
    pass(&mut table, 20, &[(2, OUTER[0])], &[(OUTER[0], CLOSE_WAIT)]);
    assert_eq!([state(&table, 1), state(&table, 2)], [None, closed], "the list has missed it");

    let mut table = made();
    pass(&mut table, 20, &ALL[..2], &[(OUTER[0], CLOSE)]);
    assert_eq!(state(&table, 1), None, "a state that no row has");
}

#[test]
fn a_socket_that_takes_the_row_of_a_subflow_has_no_state() {
    let mut table = seeded();
    read(&mut table, 10, &ALL[..1], &[(OUTER[0], CLOSE_WAIT)]);
    let end = |sk| ends(sk, PORT, EPHEMERAL + u16::try_from(sk).unwrap());
    apply(
        &mut table,
        &[step(end(1), ESTABLISHED, CLOSE, 10_100), step(end(7), CLOSE, ESTABLISHED, 10_200)],
    );
    assert_eq!(table.core.find(7).map(RowId::slot), Some(1), "the same slot");
    table.end_pass(10 * SECOND, &walked(10 * SECOND));
    assert_eq!(state(&table, 7), None);
    check(&mut table, 11 * SECOND);
    pass(&mut table, 20, &[(7, OUTER[1])], &[(OUTER[1], CLOSE_WAIT)]);
    let closed = Some((SocketState::CloseWait, 20));
    assert_eq!(state(&table, 7), closed, "nor does it inherit a time");
}

#[test]
fn a_commit_takes_the_states_in_slices() {
    let mut table = seeded();
    let sockets: Vec<_> = (1..=20).map(|sk| (sk, 1000 + sk / 2)).collect();
    let met: Vec<_> = (0..=10).map(|number| (1000 + number, CLOSE_WAIT)).collect();
    read(&mut table, 10, &sockets, &met);
    table.request(PassRequest::Commit(walked(10 * SECOND)));
    let mut steps = 0;
    while !matches!(table.step(Nanos::from_secs(10), Budget::rows(3)), Progress::Committed(_)) {
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps");
    let known: Vec<_> = (1..=20).filter_map(|sk| shown(&table, sk)).collect();
    assert_eq!((known.len(), known.iter().filter(|shown| shown.leads).count()), (20, 11));
}
