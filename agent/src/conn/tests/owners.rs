//! Whose socket it is, at every moment that tells.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{
    CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT,
};
use catalogue::labels::{Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, MS, NETNS, PORT, SECOND, apply, check, covered, ends, entry, holder, owned,
    row, seeded, step, v4, walked,
};
use crate::conn::reconcile::fd_holders::MOST_PROCESSES;
use crate::conn::{Attribution, Covered, Table};

fn listener(table: &mut Table, sk: u64, local: [u64; 2], name: &str) {
    let mut end = ends(sk, PORT, 0);
    end.local = local;
    apply(table, &[owned(step(end, CLOSE, LISTEN, 1), name, 10)]);
}

fn child_of(table: &mut Table, sk: u64, local: [u64; 2]) -> String {
    let mut end = ends(sk, PORT, EPHEMERAL);
    end.local = local;
    apply(table, &[step(end, LISTEN, SYN_RECV, 2), step(end, SYN_RECV, ESTABLISHED, 3)]);
    row(table, sk).expect("the child's row").process.to_string()
}

#[test]
fn a_child_inherits_from_the_listener_with_its_address_before_a_wildcard() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "dual");
    assert_eq!(child_of(&mut table, 100, v4([10, 0, 0, 1])), "dual");
    listener(&mut table, 2, v4([0, 0, 0, 0]), "any4");
    assert_eq!(child_of(&mut table, 101, v4([10, 0, 0, 1])), "any4");
    listener(&mut table, 3, v4([10, 0, 0, 1]), "exact");
    assert_eq!(child_of(&mut table, 102, v4([10, 0, 0, 1])), "exact");
    assert_eq!(
        child_of(&mut table, 103, [1, 1]),
        "dual",
        "an IPv6 child does not come from an IPv4 wildcard"
    );
    apply(&mut table, &[step(ends(3, PORT, 0), LISTEN, CLOSE, 5)]);
    assert_eq!(
        child_of(&mut table, 104, v4([10, 0, 0, 1])),
        "any4",
        "a closed listener has no more children"
    );
    check(&mut table, SECOND);
}

#[test]
fn a_child_of_another_namespace_or_port_inherits_nothing() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "server");
    let mut elsewhere = ends(100, PORT, EPHEMERAL);
    elsewhere.netns = NETNS + 1;
    apply(&mut table, &[step(elsewhere, LISTEN, SYN_RECV, 2)]);
    apply(&mut table, &[step(ends(101, PORT + 1, EPHEMERAL), LISTEN, SYN_RECV, 2)]);
    for sk in [100, 101] {
        assert_eq!(
            row(&table, sk).map(|row| (row.attribution, row.role)),
            Some((Attribution::None, Role::Server))
        );
    }
    assert_eq!(table.snapshot(SECOND).unattributed, 2);
}

#[test]
fn an_owned_record_moves_a_child_from_the_listener_to_its_worker() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "master");
    child_of(&mut table, 100, v4([10, 0, 0, 1]));
    assert_eq!(row(&table, 100).map(|row| row.attribution), Some(Attribution::Inherited));
    let end = ends(100, PORT, EPHEMERAL);
    apply(
        &mut table,
        &[
            step(end, ESTABLISHED, CLOSE_WAIT, 4),
            owned(step(end, CLOSE_WAIT, LAST_ACK, 5), "worker", 11),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("worker", Role::Server, SocketState::LastAck), 1);
    assert_eq!(
        seen.group("master", Role::Server).map(|group| group
            .states
            .iter()
            .map(|state| state.count)
            .sum::<u64>()),
        Some(1)
    );
    assert_eq!(
        row(&table, 100).map(|row| (row.attribution, row.tgid)),
        Some((Attribution::FromSyscall, 11))
    );
    check(&mut table, SECOND);
}

#[test]
fn a_kernel_thread_owns_nothing() {
    let mut table = seeded();
    let mut record = owned(step(ends(100, EPHEMERAL, PORT), CLOSE, SYN_SENT, 1), "kworker/0:1", 7);
    record.flags |= flag::KTHREAD;
    apply(&mut table, &[record]);
    assert_eq!(
        row(&table, 100).map(|row| (row.attribution, row.process.to_string())),
        Some((Attribution::None, "unknown".to_owned()))
    );
}

#[test]
fn a_process_that_execs_takes_its_socket_along_under_its_new_name() {
    let mut table = seeded();
    let end = ends(100, EPHEMERAL, PORT);
    apply(
        &mut table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), "sh", 7),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), "curl", 7),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("sh", Role::Client, SocketState::Established), 0);
    assert_eq!(seen.gauge_of("curl", Role::Client, SocketState::Established), 1);
}

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
    assert_eq!(owner(&table), known(Attribution::Lost, "client", 30));
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
    table.begin_pass(0);
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
