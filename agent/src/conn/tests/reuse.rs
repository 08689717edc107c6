//! Numbers that come round again: addresses of sockets, of listeners, the numbers of passes; and
//! what was read of the one must not be taken for the other's.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{CLOSE, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LISTEN, SYN_RECV, SYN_SENT};
use catalogue::labels::SocketState;

use super::support::{
    Ask, EPHEMERAL, LIMITS, MS, NETNS, PORT, SECOND, apply, check, covered, ends, entry, holder,
    owned, row, seeded, step, v4, walked,
};
use super::workloads::{client, close, connect, seeing};
use crate::conn::limits::IDLE_TTL;
use crate::conn::{Attribution, Limits, Nanos, Table};

const OLD: u64 = 100;

fn old(table: &mut Table) {
    let end = ends(OLD, EPHEMERAL, 80);
    apply(
        table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), "old", 1),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), "old", 1),
        ],
    );
}

#[test]
fn an_entry_of_a_socket_gives_nothing_to_the_next_at_its_address() {
    let mut table = seeded();
    old(&mut table);
    table.begin_pass(SECOND);
    let read = entry(ends(OLD, EPHEMERAL, 80), ESTABLISHED, 1001);
    apply(&mut table, &[step(ends(OLD, EPHEMERAL, 80), ESTABLISHED, CLOSE, 1002)]);
    let mut new = ends(OLD, 0, 443);
    new.peer = v4([10, 9, 9, 9]);
    apply(&mut table, &[owned(step(new, CLOSE, SYN_SENT, 1003), "new", 2)]);
    table.pass_socket(&read);
    table.end_pass(1100 * MS, &covered());
    let found = row(&table, OLD).unwrap();
    assert_eq!(
        (found.local_port, found.peer_port, found.peer_address.to_string()),
        (0, 443, "::ffff:10.9.9.9".to_owned())
    );
    new.local_port = EPHEMERAL + 1;
    apply(&mut table, &[step(new, SYN_SENT, ESTABLISHED, 1200)]);
    assert_eq!(
        (&*row(&table, OLD).unwrap().process, table.snapshot(SECOND).corrections),
        ("new", [0; 3])
    );
    check(&mut table, SECOND);
}

#[test]
fn an_entry_that_is_older_than_the_row_does_not_bring_its_descriptor_back() {
    let mut table = seeded();
    old(&mut table);
    let end = ends(OLD, EPHEMERAL, 80);
    table.begin_pass(SECOND);
    let mut left = step(end, FIN_WAIT1, FIN_WAIT2, 1003);
    left.flags = flag::ORPHAN;
    apply(&mut table, &[owned(step(end, ESTABLISHED, FIN_WAIT1, 1002), "old", 1), left]);
    table.pass_socket(&Socket { flags: flag::ATTACHED, ..entry(end, ESTABLISHED, 1001) });
    table.end_pass(1100 * MS, &covered());
    assert_eq!(
        (
            row(&table, OLD).map(|row| row.orphan),
            table.snapshot(SECOND).gauge(SocketState::FinWait2)
        ),
        (Some(true), 0)
    );
}

#[test]
fn a_listener_that_was_not_bound_gets_its_port_and_its_children_an_owner() {
    let mut table = seeded();
    for round in 0..100 {
        let at = 10 + round * 10;
        apply(&mut table, &[owned(step(ends(64, 0, 0), CLOSE, LISTEN, at), "auto", 5)]);
        table.begin_pass((at + 2) * MS);
        table.pass_socket(&entry(ends(64, 9000, 0), LISTEN, at + 3));
        table.end_pass((at + 4) * MS, &covered());
        assert!(table.core.listeners.has(NETNS, 9000));
        apply(&mut table, &[owned(step(ends(64, 9000, 0), LISTEN, CLOSE, at + 5), "auto", 5)]);
        assert!(
            !table.core.listeners.has(NETNS, 0) && !table.core.listeners.has(NETNS, 9000),
            "nothing of it is left"
        );
    }
    let child = ends(65, 9000, EPHEMERAL);
    apply(&mut table, &[owned(step(ends(64, 0, 0), CLOSE, LISTEN, 5000), "auto", 5)]);
    apply(
        &mut table,
        &[step(child, LISTEN, SYN_RECV, 5001), step(child, SYN_RECV, ESTABLISHED, 5002)],
    );
    table.begin_pass(6 * SECOND);
    table.pass_socket(&entry(ends(64, 9000, 0), LISTEN, 6001));
    table.pass_socket(&entry(child, ESTABLISHED, 6002));
    table.end_pass(7 * SECOND, &covered());
    assert_eq!(
        row(&table, 65).map(|row| (row.process.to_string(), row.attribution)),
        Some(("auto".to_owned(), Attribution::Inherited))
    );
    check(&mut table, 7 * SECOND);
}

#[test]
fn the_holder_of_a_socket_that_is_gone_gets_nothing_of_the_next_at_its_address() {
    let mut table = seeded();
    apply(&mut table, &[owned(step(ends(1, PORT, 0), CLOSE, LISTEN, 1), "nginx", 10)]);
    old(&mut table);
    table.begin_pass(SECOND);
    apply(&mut table, &[owned(step(ends(OLD, EPHEMERAL, 80), ESTABLISHED, CLOSE, 1011), "old", 1)]);
    let child = ends(OLD, PORT, EPHEMERAL);
    apply(
        &mut table,
        &[step(child, LISTEN, SYN_RECV, 1012), step(child, SYN_RECV, ESTABLISHED, 1012)],
    );
    table.pass_holder(&holder(OLD, "old", 1));
    table.pass_holder(&holder(1, "nginx", 10));
    table.end_pass(1100 * MS, &walked(1005 * MS));
    assert_eq!(
        row(&table, OLD).map(|row| (row.process.to_string(), row.attribution)),
        Some(("nginx".to_owned(), Attribution::Inherited))
    );
}

fn listener(sk: u64, port: u16, drops: u32, ms: u64) -> Socket {
    Socket { flags: flag::ATTACHED, send_queue: 9, drops, ..entry(ends(sk, port, 0), LISTEN, ms) }
}

/// What each listener dropped, by its port.
fn dropped(table: &mut Table) -> Vec<(Option<u16>, u64)> {
    let mut drops: Vec<_> =
        table.snapshot(SECOND).pressure.listeners.iter().map(|one| (one.port, one.drops)).collect();
    drops.sort_unstable();
    drops
}

#[test]
fn what_a_listener_dropped_is_not_counted_for_the_next_at_its_address() {
    let mut table = seeded();
    let end = ends(1, PORT, 0);
    apply(&mut table, &[owned(step(end, CLOSE, LISTEN, 1), "srv", 10)]);
    table.begin_pass(SECOND);
    table.pass_socket(&listener(1, PORT, 100, 1001));
    table.end_pass(1010 * MS, &covered());
    table.begin_pass(2 * SECOND);
    apply(
        &mut table,
        &[
            owned(step(end, LISTEN, CLOSE, 2002), "srv", 10),
            owned(step(end, CLOSE, LISTEN, 2003), "srv", 11),
        ],
    );
    table.pass_socket(&listener(1, PORT, 100, 2001));
    table.end_pass(2010 * MS, &covered());
    table.begin_pass(3 * SECOND);
    table.pass_socket(&listener(1, PORT, 0, 3001));
    table.end_pass(3010 * MS, &covered());
    assert_eq!(dropped(&mut table), [(Some(PORT), 100)]);
}

#[test]
fn a_listener_that_is_there_keeps_its_count_when_another_finds_no_room() {
    let mut table = Table::new(Limits { services: 2, ..LIMITS });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    // The new listener lies before the others in the slab.
    connect(&mut table, 50, 1, "short");
    for (sk, port) in [(1, 81), (2, 82)] {
        apply(&mut table, &[owned(step(ends(sk, port, 0), CLOSE, LISTEN, 1), "srv", 10)]);
    }
    table.begin_pass(SECOND);
    for (sk, port, drops) in [(1, 81, 3), (2, 82, 5)] {
        table.pass_socket(&listener(sk, port, drops, 1001));
    }
    table.end_pass(1010 * MS, &covered());
    close(&mut table, 50, 1);
    apply(&mut table, &[owned(step(ends(3, 83, 0), CLOSE, LISTEN, 1500), "srv", 12)]);
    table.begin_pass(2 * SECOND);
    for (sk, port, drops) in [(1, 81, 3), (2, 82, 5), (3, 83, 1)] {
        table.pass_socket(&listener(sk, port, drops, 2001));
    }
    table.end_pass(2010 * MS, &covered());
    assert_eq!(dropped(&mut table), [(None, 1), (Some(81), 3), (Some(82), 5)]);
}

#[test]
fn a_row_that_found_no_room_gets_its_name_when_there_is_some() {
    let mut table = Table::new(Limits { groups: 1, ..LIMITS });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    connect(&mut table, 1, 1, "flood");
    connect(&mut table, 2, 1, "db");
    close(&mut table, 1, 1);
    for at in [1, 2, 4] {
        table.expire_idle(at * IDLE_TTL);
    }
    let before = table.core.groups.overflow;
    for round in 5..8 {
        table.begin_pass(round * IDLE_TTL);
        table.pass_socket(&Socket {
            time: (round * IDLE_TTL + MS).get(),
            flags: flag::ATTACHED,
            ..entry(client(2, 1), ESTABLISHED, 0)
        });
        table.pass_holder(&holder(2, "db", 7));
        table.end_pass(round * IDLE_TTL + 2 * MS, &walked(round * IDLE_TTL));
    }
    assert_eq!(row(&table, 2).map(|row| row.process.to_string()).as_deref(), Some("db"));
    assert_eq!(table.core.groups.overflow, before, "looking again counts nothing");
    check(&mut table, SECOND);
}

#[test]
fn a_row_whose_workload_finds_no_room_counts_once() {
    let mut table = seeing(LIMITS);
    for key in 0..64 {
        table.core.workloads.find(5000 + key, 0);
    }
    connect(&mut table, 1, 9, "p");
    let before = (table.core.workloads.overflow, table.core.groups.overflow);
    for round in 1..6 {
        table.begin_pass(round * SECOND);
        table.pass_socket(&Socket {
            flags: flag::ATTACHED,
            ..entry(client(1, 9), ESTABLISHED, round * 1000 + 1)
        });
        table.pass_holder(&holder(1, "p", 7));
        table.end_pass(round * SECOND + 2 * MS, &walked(round * SECOND));
    }
    assert_eq!((table.core.workloads.overflow, table.core.groups.overflow), before);
}

#[test]
fn holders_are_told_apart_and_forgotten_however_many_processes_and_passes_there_are() {
    let mut table = seeded();
    connect(&mut table, OLD, 1, "c");
    let pass = |table: &mut Table, round: u64, holders: &[(u64, u32)]| {
        table.begin_pass(round * SECOND);
        table.pass_socket(&Socket {
            flags: flag::ATTACHED,
            ..entry(client(OLD, 1), ESTABLISHED, round * 1000 + 1)
        });
        for (sk, tgid) in holders {
            table.pass_holder(&holder(*sk, "c", *tgid));
        }
        table.end_pass(round * SECOND + 5 * MS, &walked(round * SECOND + 2 * MS));
    };
    let mut crowd = vec![(OLD, 7)];
    crowd.extend((1000..1255).map(|tgid| (999, tgid)));
    crowd.push((OLD, 5000));
    pass(&mut table, 1, &crowd);
    assert_eq!(row(&table, OLD).map(|row| row.holders), Some(2));
    for round in 2..600 {
        pass(&mut table, round, &[(999, 7)]);
        assert_eq!(
            row(&table, OLD).map(|row| row.attribution),
            Some(Attribution::Elsewhere),
            "in pass {round}"
        );
    }
}
