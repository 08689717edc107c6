//! Every sequence of states that a live kernel was seen to make (6.18), and what it counts.
//!
//! `retransmits` counts the segments that the same sockets send more than once.

use agent_common::tcp::{
    CLOSE, CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LAST_ACK, LISTEN, SYN_RECV,
    SYN_SENT,
};
use catalogue::labels::{CloseReason, ConnectFailure, Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, PORT, SECOND, apply, check, ends, failing, owned, row, seeded, step,
};
use crate::conn::Table;

pub(super) const CLIENT: u64 = 0xffff_8880_0000_1000;
pub(super) const CHILD: u64 = 0xffff_8880_0000_2000;
pub(super) const LISTENER: u64 = 0xffff_8880_0000_3000;

pub(super) fn listen(table: &mut Table) {
    apply(table, &[owned(step(ends(LISTENER, PORT, 0), CLOSE, LISTEN, 0), "server", 10)]);
}

/// connect() as the client's socket shows it: no local port at first.
pub(super) fn connect(table: &mut Table) {
    apply(
        table,
        &[
            owned(step(ends(CLIENT, 0, PORT), CLOSE, SYN_SENT, 10), "client", 20),
            owned(step(ends(CLIENT, EPHEMERAL, PORT), SYN_SENT, ESTABLISHED, 12), "client", 20),
        ],
    );
}

/// accept() as the server's socket shows it: the current task is never one of the server.
fn accept(table: &mut Table) {
    let end = ends(CHILD, PORT, EPHEMERAL);
    let mut first = step(end, LISTEN, SYN_RECV, 11);
    first.ends.peer_port = 0;
    apply(table, &[first, step(end, SYN_RECV, ESTABLISHED, 11)]);
}

fn client(old: u8, new: u8, ms: u64) -> agent_common::record::State {
    step(ends(CLIENT, EPHEMERAL, PORT), old, new, ms)
}

pub(super) fn child(old: u8, new: u8, ms: u64) -> agent_common::record::State {
    step(ends(CHILD, PORT, EPHEMERAL), old, new, ms)
}

#[test]
fn a_child_is_a_row_of_its_own_and_leaves_the_listener_listening() {
    let mut table = seeded();
    listen(&mut table);
    accept(&mut table);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (
            seen.gauge(SocketState::Listen),
            seen.gauge(SocketState::SynRecv),
            seen.gauge(SocketState::Established)
        ),
        (1, 0, 1)
    );
    assert_eq!(seen.service("server", Role::Server, PORT).map(|service| service.opened), Some(1));
    assert_eq!(seen.drift(), 0);
    check(&mut table, SECOND);
}

#[test]
fn a_connect_counts_its_latency_and_learns_its_local_port_later() {
    let mut table = seeded();
    connect(&mut table);
    let seen = table.snapshot(SECOND);
    let service = seen.service("client", Role::Client, PORT).expect("the service of the connect");
    assert_eq!((service.opened, service.connect_duration.count()), (1, 1));
    assert!((service.connect_duration.sum() - 0.002).abs() < 1e-9);
    let row = row(&table, CLIENT).expect("the client's row");
    assert_eq!((row.local_port, row.role, row.tgid), (EPHEMERAL, Role::Client, 20));
    assert_eq!(row.opened, Some(12_000_000));
}

#[test]
fn an_active_close_is_fin_local_and_a_passive_one_fin_remote() {
    let mut table = seeded();
    listen(&mut table);
    connect(&mut table);
    accept(&mut table);
    apply(
        &mut table,
        &[
            owned(client(ESTABLISHED, FIN_WAIT1, 1000), "client", 20),
            child(ESTABLISHED, CLOSE_WAIT, 1000),
            client(FIN_WAIT1, FIN_WAIT2, 1001),
            owned(child(CLOSE_WAIT, LAST_ACK, 1500), "server", 10),
            client(FIN_WAIT2, CLOSE, 1501),
            child(LAST_ACK, CLOSE, 1501),
        ],
    );
    let seen = table.snapshot(2 * SECOND);
    let active = seen.service("client", Role::Client, PORT).expect("the client's service");
    assert_eq!(active.closed[CloseReason::FinLocal.index()], 1);
    assert!((active.duration.sum() - 1.489).abs() < 1e-6);
    assert_eq!(active.srtt.count(), 1);
    assert!(
        (active.sent_bytes.sum() - 1000.0).abs() < 0.5
            && (active.received_bytes.sum() - 300.0).abs() < 0.5
    );
    let passive = seen.service("server", Role::Server, PORT).expect("the server's service");
    assert_eq!(passive.closed[CloseReason::FinRemote.index()], 1);
    assert_eq!((seen.tracked, seen.drift(), seen.closed()), (1, 0, 2));
    let waited = seen
        .state_durations
        .iter()
        .find(|(role, state, _)| (*role, *state) == (Role::Server, SocketState::CloseWait))
        .expect("a histogram");
    assert!((waited.2.sum() - 0.5).abs() < 1e-9);
    check(&mut table, 2 * SECOND);
}

#[test]
fn a_simultaneous_close_is_simultaneous() {
    let mut table = seeded();
    connect(&mut table);
    apply(
        &mut table,
        &[
            client(ESTABLISHED, FIN_WAIT1, 20),
            client(FIN_WAIT1, CLOSING, 21),
            client(CLOSING, CLOSE, 22),
        ],
    );
    assert_eq!(table.snapshot(SECOND).closed_for(CloseReason::Simultaneous), 1);
}

#[test]
fn a_self_connect_is_one_client_that_opens_and_closes_once() {
    let mut table = seeded();
    let end = ends(CLIENT, PORT, PORT);
    apply(
        &mut table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), "self", 5),
            step(end, SYN_SENT, SYN_RECV, 1),
            step(end, SYN_RECV, ESTABLISHED, 2),
            owned(step(end, ESTABLISHED, FIN_WAIT1, 3), "self", 5),
            step(end, FIN_WAIT1, CLOSING, 3),
            step(end, CLOSING, CLOSE, 4),
        ],
    );
    let seen = table.snapshot(SECOND);
    let service = seen.service("self", Role::Client, PORT).expect("its service");
    assert_eq!(
        (
            service.opened,
            service.closed[CloseReason::Simultaneous.index()],
            service.connect_duration.count()
        ),
        (1, 1, 1)
    );
    assert_eq!((seen.tracked, seen.drift()), (0, 0));
}

#[test]
fn a_reset_is_sent_by_one_side_and_received_by_the_other() {
    let mut table = seeded();
    connect(&mut table);
    accept(&mut table);
    apply(
        &mut table,
        &[
            owned(client(ESTABLISHED, CLOSE, 20), "client", 20),
            failing(child(ESTABLISHED, CLOSE, 20), 104),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (seen.closed_for(CloseReason::RstSent), seen.closed_for(CloseReason::RstReceived)),
        (1, 1)
    );
}

#[test]
fn a_reset_in_close_wait_is_told_as_epipe_and_comes_after_the_fin() {
    let mut table = seeded();
    accept(&mut table);
    apply(
        &mut table,
        &[child(ESTABLISHED, CLOSE_WAIT, 20), failing(child(CLOSE_WAIT, CLOSE, 21), 32)],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (seen.closed_for(CloseReason::RstAfterFin), seen.closed_for(CloseReason::RstReceived)),
        (1, 0)
    );
}

#[test]
fn children_that_nobody_accepted_end_with_a_reset_of_the_listeners_process() {
    let mut table = seeded();
    listen(&mut table);
    accept(&mut table);
    apply(&mut table, &[child(ESTABLISHED, CLOSE_WAIT, 20), child(CLOSE_WAIT, CLOSE, 30)]);
    apply(&mut table, &[owned(step(ends(LISTENER, PORT, 0), LISTEN, CLOSE, 30), "server", 10)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        seen.service("server", Role::Server, PORT)
            .map(|service| service.closed[CloseReason::RstAfterFin.index()]),
        Some(1)
    );
    assert_eq!((seen.tracked, seen.closed(), seen.failed()), (0, 1, 0));
}

#[test]
fn each_failed_connect_has_its_reason() {
    for (err, bound, by_task, reason) in [
        (111, EPHEMERAL, false, ConnectFailure::Refused),
        (110, EPHEMERAL, false, ConnectFailure::TimedOut),
        (113, EPHEMERAL, false, ConnectFailure::HostUnreachable),
        (101, EPHEMERAL, false, ConnectFailure::NetUnreachable),
        (104, EPHEMERAL, false, ConnectFailure::Reset),
        (0, EPHEMERAL, true, ConnectFailure::Canceled),
        // The program closes after the kernel has noted an ICMP error, or took the error first.
        (111, EPHEMERAL, true, ConnectFailure::Refused),
        (0, EPHEMERAL, false, ConnectFailure::Other),
        (0, 0, true, ConnectFailure::NoLocalPort),
        (113, 0, true, ConnectFailure::NoLocalPort),
        (103, EPHEMERAL, true, ConnectFailure::Other),
    ] {
        let mut table = seeded();
        apply(&mut table, &[owned(step(ends(CLIENT, 0, PORT), CLOSE, SYN_SENT, 10), "client", 20)]);
        let end = failing(step(ends(CLIENT, bound, PORT), SYN_SENT, CLOSE, 20), err);
        apply(&mut table, &[if by_task { owned(end, "client", 20) } else { end }]);
        let seen = table.snapshot(SECOND);
        let service = seen.service("client", Role::Client, PORT).expect("its service");
        assert_eq!(
            (service.failures[reason.index()], seen.failed(), seen.failed_for(reason)),
            (1, 1, 1),
            "error {err}, by a task: {by_task}"
        );
        assert_eq!((seen.opened(), seen.closed(), seen.tracked, seen.drift()), (0, 0, 0, 0));
        assert_eq!((service.srtt.count(), service.sent_bytes.count()), (0, 0));
    }
}

#[test]
fn a_child_that_dies_in_its_handshake_counts_nowhere() {
    let mut table = seeded();
    listen(&mut table);
    apply(&mut table, &[child(LISTEN, SYN_RECV, 1), failing(child(SYN_RECV, CLOSE, 2), 104)]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.closed(), seen.failed(), seen.tracked), (0, 0, 0, 1));
}

#[test]
fn a_vanished_peer_is_a_timeout_and_a_destroyed_socket_other() {
    let mut table = seeded();
    connect(&mut table);
    accept(&mut table);
    let destroyed = owned(failing(child(ESTABLISHED, CLOSE, 20), 103), "ss", 99);
    apply(&mut table, &[failing(client(ESTABLISHED, CLOSE, 20), 110), destroyed]);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (seen.closed_for(CloseReason::Timeout), seen.closed_for(CloseReason::Other)),
        (1, 1)
    );
    assert!(
        seen.service("ss", Role::Server, PORT).is_none(),
        "the destroyer does not own the socket"
    );
}

#[test]
fn a_half_closed_peer_stays_in_close_wait_and_grows_old() {
    let mut table = seeded();
    accept(&mut table);
    apply(&mut table, &[child(ESTABLISHED, CLOSE_WAIT, 1000)]);
    let ages = |table: &mut Table, seconds: u64| {
        let seen = table.snapshot(seconds * SECOND);
        let gauge = seen.group("unknown", Role::Server).expect("its group").states
            [SocketState::CloseWait.index()];
        (gauge.count, gauge.oldest_since, gauge.older_than)
    };
    assert_eq!(ages(&mut table, 60), (1, Some(SECOND.get()), [0, 0, 0]));
    assert_eq!(ages(&mut table, 61), (1, Some(SECOND.get()), [1, 0, 0]));
    assert_eq!(ages(&mut table, 301), (1, Some(SECOND.get()), [1, 1, 0]));
    assert_eq!(ages(&mut table, 3601), (1, Some(SECOND.get()), [1, 1, 1]));
    apply(&mut table, &[child(CLOSE_WAIT, LAST_ACK, 3_700_000)]);
    assert_eq!(ages(&mut table, 3701), (0, None, [0, 0, 0]));
}
