//! Labels that go when their process is gone, and are there for others again.

use agent_common::record::{Socket, State, flag};
use agent_common::tcp::{CLOSE, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LISTEN, SYN_SENT};
use catalogue::labels::{OTHER, Role};

use super::support::{
    Ask, LIMITS, PORT, SECOND, apply, check, covered, ends, entry, owned, row, seeded, step,
};
use super::workloads::{client, close, connect, counts, seeing, shown, unit};
use crate::conn::limits::IDLE_TTL;
use crate::conn::{Limits, Nanos, Table};
use crate::workload::Key;

#[test]
fn after_a_flood_of_names_a_new_process_gets_its_own_label_again() {
    let mut table = Table::new(Limits { groups: 10, services: 10, ..LIMITS });
    connect(&mut table, u64::MAX, 1, "steady");
    for sk in 1..=20_000_u64 {
        let end = client(sk, 1);
        table.transition(&owned(step(end, CLOSE, SYN_SENT, 1), &format!("p{sk}"), 1));
        table.transition(&owned(step(end, SYN_SENT, ESTABLISHED, 2), &format!("p{sk}"), 1));
        table.transition(&step(end, ESTABLISHED, CLOSE, 3));
    }
    assert_eq!(table.core.groups.len(), 10 + 9);
    table.expire_idle(SECOND);
    connect(&mut table, 1, 1, "honest");
    assert_eq!(shown(&mut table, "honest").0, counts([]), "the budget is used up");
    table.expire_idle(IDLE_TTL);
    connect(&mut table, 2, 1, "honest");
    assert_eq!(shown(&mut table, "honest").0, counts([]), "the grace time is not over");
    let before = table.snapshot(SECOND);
    table.expire_idle(IDLE_TTL + SECOND);
    connect(&mut table, 3, 1, "honest");
    assert_eq!(shown(&mut table, "honest"), (counts([("host", 1)]), counts([("host", 1)])));
    let after = table.snapshot(SECOND);
    assert_eq!(
        (after.opened(), after.closed()),
        (before.opened() + 1, before.closed()),
        "what the evicted counted is not lost"
    );
    assert_eq!(shown(&mut table, "steady").0, counts([("host", 1)]), "a process with a row stays");
    assert_eq!(table.core.groups.len(), 10 + 9);
    check(&mut table, SECOND);
}

#[test]
fn a_process_that_lives_keeps_the_groups_of_its_other_role() {
    let mut table = seeded();
    apply(&mut table, &[owned(step(ends(1, PORT, 0), CLOSE, LISTEN, 1), "server", 5)]);
    connect(&mut table, 2, 1, "server");
    close(&mut table, 2, 1);
    for at in [1, 2] {
        table.expire_idle(at * IDLE_TTL);
    }
    assert!(table.snapshot(SECOND).service("server", Role::Client, PORT).is_some());
}

#[test]
fn a_process_that_calls_itself_other_is_not_taken_for_ours() {
    let mut table = Table::new(Limits { groups: 1, ..LIMITS });
    connect(&mut table, 1, 1, OTHER);
    connect(&mut table, 2, 1, "beyond");
    assert_eq!(
        (shown(&mut table, OTHER).0, shown(&mut table, "\u{fffd}other").0),
        (counts([(OTHER, 1)]), counts([("host", 1)]))
    );
}

/// A connection that is in FIN_WAIT2 when its process gives the descriptor up.
fn abandon(table: &mut Table, sk: u64, cgroup: u64, name: &str) {
    connect(table, sk, cgroup, name);
    let end = client(sk, cgroup);
    let left = step(end, FIN_WAIT1, FIN_WAIT2, 4);
    apply(table, &[step(end, ESTABLISHED, FIN_WAIT1, 3), State { flags: flag::ORPHAN, ..left }]);
}

#[test]
fn a_group_that_has_nothing_but_orphans_left_stays() {
    let mut table = seeded();
    abandon(&mut table, 1, 1, "half");
    for at in 1..=4 {
        table.expire_idle(at * 2 * IDLE_TTL);
    }
    connect(&mut table, 2, 1, "next");
    assert_eq!(row(&table, 1).map(|row| row.process.to_string()).as_deref(), Some("half"));
    check(&mut table, SECOND);
}

#[test]
fn orphans_go_where_the_name_of_their_workload_puts_them() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 25, "app");
    abandon(&mut table, 2, 26, "app");
    for cgroup in [25, 26] {
        table.tell_workloads([(Key::Cgroup(cgroup), Some(unit("web")))], Nanos::ZERO);
    }
    assert_eq!(row(&table, 2).map(|row| row.workload.to_string()).as_deref(), Some("web.service"));
    check(&mut table, SECOND);
}

#[test]
fn what_waits_in_sockets_is_summed_up_while_their_workloads_have_no_name() {
    let mut table = seeing(LIMITS);
    table.begin_pass(SECOND);
    for (sk, cgroup, receive_queue) in [(1, 25, 3), (2, 26, 4)] {
        connect(&mut table, sk, cgroup, "app");
        table.pass_socket(&Socket {
            flags: flag::ATTACHED,
            receive_queue,
            ..entry(client(sk, cgroup), ESTABLISHED, 1001)
        });
    }
    table.end_pass(2 * SECOND, &covered());
    assert_eq!(
        table
            .snapshot(2 * SECOND)
            .group("app", Role::Client)
            .map(|group| group.queued.receive_bytes),
        Some(7)
    );
}
