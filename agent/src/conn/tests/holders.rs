//! Whose socket it is once the descriptor tables have been read.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, LAST_ACK, SYN_RECV, SYN_SENT};
use catalogue::labels::{Role, SocketState};

use super::owners::{child_of, listener};
use super::support::{
    Ask, EPHEMERAL, MS, PORT, SECOND, apply, check, covered, ends, entry, holder, owned, row,
    seeded, step, v4, walked,
};
use crate::conn::reconcile::fd_holders::MOST_PROCESSES;
use crate::conn::{Attribution, Covered, Nanos, Table};

/// A pass at that second over one connection, listed with these flags and held by these.
fn pass(table: &mut Table, at: u64, (state, flags): (u8, u8), holders: &[(&str, u32)]) {
    table.begin_pass(at * SECOND);
    table.pass_socket(&Socket { flags, ..entry(ends(100, PORT, EPHEMERAL), state, at * 1000) });
    for (name, tgid) in holders {
        table.pass_holder(&holder(100, name, *tgid));
    }
    table.end_pass(at * SECOND, &walked(at * SECOND));
    check(table, at * SECOND);
}

/// How the owner of the connection is known, its name and number.
fn owner(table: &Table) -> (Attribution, String, u32) {
    let row = row(table, 100).expect("the row");
    (row.attribution, row.process.to_string(), row.tgid)
}

fn known(how: Attribution, name: &str, tgid: u32) -> (Attribution, String, u32) {
    (how, name.to_owned(), tgid)
}

/// A connection that `client`, process 30, has opened.
fn connected() -> Table {
    let mut table = seeded();
    let end = ends(100, PORT, EPHEMERAL);
    apply(
        &mut table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), "client", 30),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), "client", 30),
        ],
    );
    table
}

const OPEN: (u8, u8) = (ESTABLISHED, flag::ATTACHED);

#[test]
fn of_several_holders_the_lowest_process_id_owns_and_init_gives_way() {
    for holders in
        [[("low", 21), ("high", 22), ("systemd", 1)], [("systemd", 1), ("high", 22), ("low", 21)]]
    {
        let mut table = seeded();
        apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), SYN_RECV, ESTABLISHED, 1)]);
        pass(&mut table, 1, OPEN, &holders);
        assert_eq!(owner(&table), known(Attribution::FromDescriptors, "low", 21));
        assert_eq!(row(&table, 100).map(|row| row.holders), Some(3));
        assert_eq!(table.snapshot(SECOND).shared, 1);
        pass(&mut table, 2, OPEN, &[("systemd", 1)]);
        assert_eq!(
            owner(&table),
            known(Attribution::FromDescriptors, "systemd", 1),
            "nobody else is left"
        );
        assert_eq!(table.snapshot(SECOND).shared, 0);
    }
}

#[test]
fn an_owner_that_forked_stays_while_it_holds_and_its_child_follows() {
    let mut table = connected();
    pass(&mut table, 1, OPEN, &[("early", 5), ("client", 30), ("client", 30), ("child", 31)]);
    assert_eq!(owner(&table), known(Attribution::FromSyscall, "client", 30));
    assert_eq!(
        row(&table, 100).map(|row| row.holders),
        Some(3),
        "two descriptors of one process are one holder"
    );
    pass(&mut table, 2, OPEN, &[("child", 31)]);
    assert_eq!(owner(&table), known(Attribution::FromDescriptors, "child", 31));
    let seen = table.snapshot(2 * SECOND);
    assert_eq!(
        (
            seen.gauge_of("client", Role::Client, SocketState::Established),
            seen.gauge_of("child", Role::Client, SocketState::Established)
        ),
        (0, 1)
    );
}

#[test]
fn an_owner_that_execs_goes_by_its_new_name_without_an_event() {
    let mut table = connected();
    pass(&mut table, 1, OPEN, &[("worker", 30)]);
    assert_eq!(owner(&table), known(Attribution::FromDescriptors, "worker", 30));
}

#[test]
fn an_accepted_child_goes_to_the_worker_and_one_that_waits_follows_the_listener() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "master");
    child_of(&mut table, 100, v4([127, 0, 0, 1]));
    pass(&mut table, 1, (ESTABLISHED, 0), &[]);
    assert_eq!(
        owner(&table),
        known(Attribution::Inherited, "master", 10),
        "nobody has accepted it"
    );
    table.begin_pass(2 * SECOND);
    table.pass_socket(&entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 2000));
    table.pass_holder(&holder(1, "successor", 12));
    table.end_pass(2 * SECOND, &walked(2 * SECOND));
    assert_eq!(
        owner(&table),
        known(Attribution::Inherited, "successor", 12),
        "the listener has passed to another"
    );
    pass(&mut table, 3, OPEN, &[("worker", 13)]);
    assert_eq!(owner(&table), known(Attribution::FromDescriptors, "worker", 13));
}

#[test]
fn a_socket_that_nobody_holds_keeps_its_last_owner_and_counts_as_unheld() {
    let mut table = connected();
    pass(&mut table, 1, OPEN, &[]);
    assert_eq!(owner(&table), known(Attribution::Elsewhere, "client", 30));
    assert_eq!((table.snapshot(SECOND).unheld, table.snapshot(SECOND).unattributed), (1, 0));
    pass(&mut table, 2, OPEN, &[("taker", 40)]);
    assert_eq!(owner(&table), known(Attribution::FromDescriptors, "taker", 40));
    assert_eq!(table.snapshot(2 * SECOND).unheld, 0);
}

#[test]
fn an_orphan_and_a_socket_that_was_not_looked_at_are_not_unheld() {
    let mut table = connected();
    pass(&mut table, 1, (ESTABLISHED, flag::ATTACHED | flag::ORPHAN), &[]);
    assert_eq!(owner(&table), known(Attribution::FromSyscall, "client", 30));
    pass(&mut table, 2, OPEN, &[("client", 30)]);
    table.begin_pass(3 * SECOND);
    table.end_pass(3 * SECOND, &Covered { holders: Some(3 * SECOND), ..Covered::default() });
    assert_eq!(owner(&table).0, Attribution::FromSyscall);
}

#[test]
fn a_system_call_after_the_reading_knows_better() {
    let mut table = connected();
    table.begin_pass(SECOND);
    table.pass_socket(&entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 1000));
    table.pass_holder(&holder(100, "before", 29));
    let end = ends(100, PORT, EPHEMERAL);
    apply(
        &mut table,
        &[
            step(end, ESTABLISHED, CLOSE_WAIT, 1001),
            owned(step(end, CLOSE_WAIT, LAST_ACK, 1002), "now", 33),
        ],
    );
    table.end_pass(2 * SECOND, &walked(SECOND));
    assert_eq!(owner(&table), known(Attribution::FromSyscall, "now", 33));
    check(&mut table, 2 * SECOND);
}

#[test]
fn a_reading_that_did_not_come_to_its_end_decides_nothing() {
    let mut table = connected();
    table.begin_pass(SECOND);
    table.pass_socket(&entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 1000));
    table.pass_holder(&holder(100, "first", 3));
    table.end_pass(SECOND, &covered());
    assert_eq!(owner(&table), known(Attribution::FromSyscall, "client", 30));
}

#[test]
fn owners_that_are_read_anew_have_their_rows_counted_once() {
    let mut table = connected();
    for (at, name) in (1..=300).zip(["one", "two", "three"].iter().cycle()) {
        pass(&mut table, at, OPEN, &[(name, u32::try_from(at).unwrap() + 1000)]);
        assert_eq!(table.snapshot(at * SECOND).gauge(SocketState::Established), 1);
    }
}

#[test]
fn holders_beyond_the_bound_are_counted_and_own_nothing_new() {
    let mut table = connected();
    table.begin_pass(SECOND);
    table.pass_socket(&Socket {
        flags: flag::ATTACHED,
        ..entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 1000)
    });
    for tgid in 1000..=u32::try_from(MOST_PROCESSES + 1000).unwrap() {
        table.pass_holder(&holder(200, "crowd", tgid));
    }
    for tgid in 500..900 {
        table.pass_holder(&holder(100, "late", tgid));
    }
    table.end_pass(SECOND, &walked(SECOND));
    assert_eq!(owner(&table), known(Attribution::FromSyscall, "client", 30));
    assert_eq!(row(&table, 100).map(|row| row.holders), Some(u8::MAX), "more than a row can count");
}

#[test]
fn the_agent_gives_way_to_any_other_holder() {
    let mut table = seeded();
    apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), SYN_RECV, ESTABLISHED, 1)]);
    table.begin_pass(SECOND);
    table.pass_socket(&Socket {
        reader: 20,
        ..entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 1000)
    });
    table.pass_holder(&holder(100, "tcpwarden", 20));
    table.pass_holder(&holder(100, "other", 21));
    table.end_pass(SECOND, &walked(SECOND));
    assert_eq!(owner(&table), known(Attribution::FromDescriptors, "other", 21));
}

#[test]
fn a_row_used_again_during_a_pass_is_not_moved_for_the_socket_before_it() {
    let mut table = seeded();
    apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), SYN_RECV, ESTABLISHED, 1)]);
    table.begin_pass(SECOND);
    table.pass_holder(&holder(100, "server", 5));
    apply(
        &mut table,
        &[
            step(ends(100, PORT, EPHEMERAL), ESTABLISHED, CLOSE, 1001),
            step(ends(200, 1, 2), CLOSE, SYN_SENT, 1002),
        ],
    );
    table.end_pass(SECOND, &walked(SECOND));
    assert_eq!(row(&table, 200).map(|row| row.process.to_string()), Some("unknown".to_owned()));
    check(&mut table, SECOND);
}

#[test]
fn many_seeded_rows_go_to_their_holder_in_order_of_time() {
    let mut table = Table::new(super::support::LIMITS);
    table.begin_pass(Nanos::ZERO);
    for sk in 1..=1000 {
        table.pass_socket(&entry(ends(sk, PORT, EPHEMERAL), CLOSE_WAIT, sk));
    }
    for sk in (1..=1000).map(|step| step * 7 % 1009).filter(|sk| *sk <= 1000) {
        table.pass_holder(&holder(sk, if sk % 3 == 0 { "fizz" } else { "buzz" }, 4));
    }
    table.end_pass(SECOND, &walked(SECOND));
    check(&mut table, 70 * SECOND);
    apply(
        &mut table,
        &[owned(step(ends(3, PORT, EPHEMERAL), CLOSE_WAIT, LAST_ACK, 2000), "fizz", 4)],
    );
    apply(&mut table, &[owned(step(ends(5, PORT, EPHEMERAL), FIN_WAIT1, CLOSE, 2000), "buzz", 4)]);
    check(&mut table, 70 * SECOND + MS);
}
