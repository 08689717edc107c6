//! The reconcile pass: what it believes, what it corrects, what it leaves alone.

use std::collections::HashSet;

use agent_common::record::Socket;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, LISTEN, SYN_SENT, TIME_WAIT};
use catalogue::labels::{CloseReason, Correction, Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, LIMITS, MS, NETNS, PORT, SECOND, apply, check, covered, ends, entry, holder,
    row, seeded, step,
};
use crate::conn::{Covered, Nanos, Table};

const ALL: [u8; 9] = [1, 2, 3, 4, 5, 8, 9, 10, 11];

fn open(table: &mut Table, sk: u64, ms: u64) {
    let end = ends(sk, EPHEMERAL, PORT);
    apply(table, &[step(end, CLOSE, SYN_SENT, ms), step(end, SYN_SENT, ESTABLISHED, ms)]);
}

pub(super) fn list(sk: u64, state: u8, ms: u64) -> Socket {
    entry(ends(sk, EPHEMERAL, PORT), state, ms)
}

#[test]
fn the_first_pass_seeds_every_state_without_calling_it_drift() {
    let mut table = Table::new(LIMITS);
    table.begin_pass(Nanos::ZERO);
    for state in ALL {
        table.pass_socket(&list(u64::from(state), state, 10));
    }
    let summary = table.end_pass(20 * MS, &covered());
    assert_eq!((summary.rows, summary.corrections, summary.missed_once), (9, [0; 3], 0));
    let seen = table.snapshot(61 * SECOND);
    assert!(SocketState::ALL.iter().all(|state| seen.gauge(*state) == 1));
    assert_eq!(
        (seen.opened(), seen.last_reconcile, seen.reconcile_durations.count()),
        (0, Some((20 * MS).get()), 1)
    );
    assert!(
        table
            .view()
            .rows()
            .all(|row| row.born_before && row.entered_before && row.entered == (10 * MS).get())
    );
    assert_eq!(row(&table, u64::from(SYN_SENT)).map(|row| row.role), Some(Role::Client));
    check(&mut table, 61 * SECOND);
}

#[test]
fn a_seeded_row_is_a_server_where_a_listener_has_its_port() {
    let mut table = Table::new(LIMITS);
    table.transition(&step(ends(3, PORT, EPHEMERAL), ESTABLISHED, CLOSE_WAIT, 1));
    table.begin_pass(Nanos::ZERO);
    table.pass_socket(&entry(ends(1, PORT, 0), LISTEN, 10));
    table.pass_socket(&entry(ends(2, PORT, EPHEMERAL), ESTABLISHED, 10));
    table.pass_socket(&entry(ends(3, PORT, EPHEMERAL), CLOSE_WAIT, 10));
    table.pass_socket(&entry(ends(4, EPHEMERAL, PORT), ESTABLISHED, 10));
    table.end_pass(20 * MS, &covered());
    let role = |sk| row(&table, sk).map(|row| row.role);
    assert_eq!(
        [role(1), role(2), role(3), role(4)],
        [Some(Role::Server), Some(Role::Server), Some(Role::Server), Some(Role::Client)]
    );
    check(&mut table, SECOND);
}

#[test]
fn a_later_pass_finds_what_was_lost_and_counts_it() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    open(&mut table, 2, 10);
    open(&mut table, 3, 10);
    let mut pass = |at: u64| {
        table.begin_pass(at * SECOND);
        table.pass_socket(&list(1, ESTABLISHED, at * 1000 + 1));
        table.pass_socket(&list(2, CLOSE_WAIT, at * 1000 + 1));
        table.pass_socket(&list(4, FIN_WAIT1, at * 1000 + 1));
        let summary = table.end_pass((at + 1) * SECOND, &covered());
        (summary.corrections, summary.missed_once, summary.rows)
    };
    let found = |kinds: &[Correction]| {
        Correction::ALL.iter().map(|kind| u64::from(kinds.contains(kind))).collect::<Vec<_>>()
    };
    let (corrections, missed_once, rows) = pass(5);
    assert_eq!(
        (corrections.to_vec(), missed_once, rows),
        (found(&[Correction::MissedOpen, Correction::WrongState]), 1, 4)
    );
    let (corrections, missed_once, rows) = pass(6);
    assert_eq!(
        (corrections.to_vec(), missed_once, rows),
        (found(&[Correction::MissedClose]), 0, 3),
        "missed twice is gone"
    );
    let seen = table.snapshot(6 * SECOND);
    assert_eq!((seen.opened(), seen.closed_for(CloseReason::Other)), (4, 1));
    assert_eq!(
        row(&table, 2).map(|row| (row.state, row.entered_before)),
        Some((SocketState::CloseWait, true))
    );
    check(&mut table, 7 * SECOND);
}

#[test]
fn a_row_that_one_pass_missed_and_the_next_saw_stays() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    for (at, listed) in [(5, true), (6, false), (7, true), (8, false), (9, true)] {
        table.begin_pass(at * SECOND);
        if listed {
            table.pass_socket(&list(1, ESTABLISHED, at * 1000));
        }
        let summary = table.end_pass(at * SECOND, &covered());
        assert_eq!(
            (summary.missed_once, summary.rows, summary.corrections),
            (u64::from(!listed), 1, [0; 3])
        );
    }
}

#[test]
fn rows_of_a_namespace_that_nobody_can_enter_stay_while_they_are_held_or_may_be_closing() {
    let mut table = seeded();
    for sk in [1, 2] {
        let mut elsewhere = ends(sk, EPHEMERAL, PORT);
        elsewhere.netns = NETNS + 1;
        apply(
            &mut table,
            &[step(elsewhere, CLOSE, SYN_SENT, 10), step(elsewhere, SYN_SENT, ESTABLISHED, 10)],
        );
    }
    // While the list of their namespace waits for a lock, nothing is known of them.
    for at in [1000, 2000] {
        table.begin_pass(at * SECOND);
        let unread = HashSet::from([NETNS + 1]);
        let covered = Covered { holders: Some(at * SECOND), unread, ..covered() };
        let summary = table.end_pass(at * SECOND, &covered);
        assert_eq!((summary.unverified, summary.rows), (2, 2));
    }
    let mut pass = |at: u64, held: bool| {
        table.begin_pass(at * SECOND);
        if held {
            table.pass_holder(&holder(1, "held", 7));
        }
        let summary = table
            .end_pass(at * SECOND, &Covered { holders: held.then_some(at * SECOND), ..covered() });
        (summary.unverified, summary.rows, summary.corrections[Correction::MissedClose.index()])
    };
    assert_eq!(pass(1000, true), (2, 2, 0), "young enough to be closing still");
    assert_eq!(pass(2000, false), (2, 2, 0), "nobody has looked for descriptors");
    assert_eq!(pass(2001, true), (1, 1, 1), "the one without a descriptor is gone");
    assert_eq!(table.snapshot(2001 * SECOND).unverified, 1);
}

#[test]
fn a_row_that_has_heard_of_something_later_is_left_alone() {
    let mut table = seeded();
    open(&mut table, 1, 100);
    table.begin_pass(90 * MS);
    table.pass_socket(&list(1, SYN_SENT, 100));
    let summary = table.end_pass(SECOND, &covered());
    assert_eq!((summary.corrections, summary.missed_once), ([0; 3], 0));
    assert_eq!(table.snapshot(SECOND).gauge(SocketState::Established), 1);
}

#[test]
fn a_socket_that_closed_after_it_was_listed_does_not_come_back() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    table.begin_pass(5 * SECOND);
    apply(&mut table, &[step(ends(1, EPHEMERAL, PORT), ESTABLISHED, CLOSE, 5002)]);
    table.pass_socket(&list(1, ESTABLISHED, 5001));
    let summary = table.end_pass(6 * SECOND, &covered());
    assert_eq!((summary.rows, summary.corrections), (0, [0; 3]));
    table.begin_pass(7 * SECOND);
    table.pass_socket(&list(1, ESTABLISHED, 7001));
    assert_eq!(
        table.end_pass(8 * SECOND, &covered()).rows,
        1,
        "the next pass no longer remembers that close"
    );
    check(&mut table, 8 * SECOND);
}

#[test]
fn another_socket_at_the_address_of_a_row_replaces_it() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    apply(&mut table, &[step(ends(1, EPHEMERAL, PORT), ESTABLISHED, FIN_WAIT1, 11)]);
    table.begin_pass(5 * SECOND);
    table.pass_socket(&list(1, ESTABLISHED, 5001));
    let summary = table.end_pass(6 * SECOND, &covered());
    assert_eq!(summary.corrections, [1, 1, 0]);
    assert_eq!((table.snapshot(6 * SECOND).gauge(SocketState::Established), summary.rows), (1, 1));
    check(&mut table, 6 * SECOND);
}

#[test]
fn rows_younger_than_the_pass_are_not_looked_for() {
    let mut table = seeded();
    open(&mut table, 1, 4500);
    open(&mut table, 2, 5500);
    table.begin_pass(5 * SECOND);
    let summary = table.end_pass(6 * SECOND, &covered());
    assert_eq!((summary.missed_once, summary.rows, summary.corrections), (1, 2, [0; 3]));
    table.begin_pass(5 * SECOND + MS);
    let summary = table.end_pass(7 * SECOND, &covered());
    assert_eq!(
        (summary.missed_once, summary.rows),
        (0, 1),
        "the one that was there before the first pass is gone"
    );
    assert!(row(&table, 1).is_none());
    check(&mut table, 7 * SECOND);
}

#[test]
fn a_pass_that_was_given_up_removes_nothing_and_publishes_nothing() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    table.begin_pass(5 * SECOND);
    table.pass_socket(&list(9, TIME_WAIT, 5001));
    table.abort_pass();
    assert_eq!(table.end_pass(6 * SECOND, &covered()), crate::conn::PassSummary::default());
    let seen = table.snapshot(6 * SECOND);
    assert_eq!(
        (
            seen.tracked,
            seen.last_reconcile,
            seen.namespaces.iter().map(|of| of.time_wait).sum::<u64>()
        ),
        (1, Some(0), 0)
    );
}

#[test]
fn a_row_is_found_missing_whatever_number_its_pass_had() {
    let mut table = seeded();
    open(&mut table, 1, 10);
    for pass in 5..605 {
        table.begin_pass(pass * SECOND);
        table.pass_socket(&list(1, ESTABLISHED, pass * 1000));
        assert_eq!(table.end_pass(pass * SECOND, &covered()).rows, 1);
    }
    for (pass, rows) in [(700, 1), (701, 0)] {
        table.begin_pass(pass * SECOND);
        assert_eq!(table.end_pass(pass * SECOND, &covered()).rows, rows);
    }
}

#[test]
fn the_port_that_the_kernel_chose_after_syn_sent_comes_with_the_next_pass() {
    let mut table = seeded();
    apply(&mut table, &[step(ends(1, 0, PORT), CLOSE, SYN_SENT, 1)]);
    assert_eq!(row(&table, 1).map(|row| row.local_port), Some(0));
    table.begin_pass(10 * MS);
    table.pass_socket(&list(1, SYN_SENT, 20));
    table.end_pass(30 * MS, &covered());
    assert_eq!(row(&table, 1).map(|row| row.local_port), Some(EPHEMERAL));
    check(&mut table, SECOND);
}
