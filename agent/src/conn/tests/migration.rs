//! Rows that go to another group in slices, because the workload that they waited for has its name
//! now.

use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};

use super::support::{LIMITS, SECOND, apply, check, owned, row, seeded, step};
use super::workloads::{client, close, connect, counts, seeing, shown, tell, unit};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::limits::IDLE_TTL;
use crate::conn::report::snapshot::Service;
use crate::conn::{Limits, Nanos, Table};
use crate::workload::Key;

/// What telling that a cgroup is that of `web` does, up to where rows move.
fn tell_slowly(table: &mut Table, cgroup: u64) {
    assert!(table.core.workloads.tell(Key::Cgroup(cgroup), Some(&unit("web")), Nanos::ZERO));
    table.work.migrations.keys.push((Key::Cgroup(cgroup), WorkloadRef::Named(unit("web"))));
}

#[test]
fn many_sockets_that_waited_get_their_name_slice_by_slice_while_others_come_and_go() {
    const MANY: u64 = 60_000;
    let open = |table: &mut Table, sk: u64, cgroup: u64, at: u64| {
        let (end, ms) = (client(sk, cgroup), 2 * at);
        apply(
            table,
            &[
                owned(step(end, CLOSE, SYN_SENT, ms), "app", 7),
                owned(step(end, SYN_SENT, ESTABLISHED, ms + 1), "app", 7),
            ],
        );
    };
    let mut table = seeing(Limits { connections: 80_000, ..LIMITS });
    tell(&mut table, 26, "web");
    // Every tenth has its name from the start, so that the others go between rows that are there.
    (1..=MANY).for_each(|sk| open(&mut table, sk, if sk % 10 == 0 { 26 } else { 25 }, sk));
    tell(&mut table, 25, "web");
    let named = |table: &mut Table| shown(table, "app").0.get("web.service").copied().unwrap_or(0);
    let (mut slices, mut before) = (0, named(&mut table));
    assert!(before < MANY / 10 + 10_000, "telling moved {} rows in one go", before - MANY / 10);
    while table.migrate(1000) {
        slices += 1;
        let now = named(&mut table);
        assert!(now <= before + 1000, "a slice of 1000 moved {} rows", now - before);
        // Records come between: one that waits closes, and one opens instead.
        let step = [step(client(slices * 10 + 1, 25), ESTABLISHED, CLOSE, 3 * MANY)];
        apply(&mut table, &step);
        open(&mut table, 2 * MANY + slices, 25, 2 * MANY);
        before = named(&mut table);
    }
    assert!(slices > 50, "{slices} slices");
    assert_eq!(
        shown(&mut table, "app"),
        (counts([("web.service", MANY)]), counts([("web.service", MANY + slices)]))
    );
    check(&mut table, SECOND);
}

#[test]
fn what_closes_while_its_row_is_on_its_way_counts_where_its_opening_will() {
    let mut table = seeing(Limits { services: 1, ..LIMITS });
    tell(&mut table, 26, "web");
    // The group is there; it has opened nothing.
    apply(&mut table, &[owned(step(client(1, 26), CLOSE, SYN_SENT, 1), "app", 7)]);
    (2..4).for_each(|sk| connect(&mut table, sk, 25, "app"));
    tell_slowly(&mut table, 25);
    while row(&table, 2).is_some_and(|row| &*row.workload == "unknown") {
        assert!(table.migrate(1), "the other is still on its way");
    }
    close(&mut table, 2, 25);
    while table.migrate(1) {}
    let seen = table.snapshot(SECOND);
    let counted =
        |service: &&Service| (&*service.process, &*service.workload) == ("app", "web.service");
    let service = seen
        .services
        .iter()
        .find(counted)
        .map(|service| (service.opened, service.closed.iter().sum()));
    assert_eq!(service, Some((2, 1_u64)));
    assert!(
        seen.label_overflow.contains(&("services", 0)),
        "there is room for what counts twice meanwhile"
    );
}

#[test]
fn a_group_that_rows_are_on_their_way_to_is_not_given_up() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 26, "app");
    table.tell_workloads([(Key::Cgroup(26), Some(unit("web")))], Nanos::ZERO);
    close(&mut table, 1, 26);
    connect(&mut table, 2, 25, "app");
    tell_slowly(&mut table, 25);
    assert!(table.migrate(1), "the move is planned and not made");
    for at in 1..4 {
        table.expire_idle(at * (IDLE_TTL + Nanos::new(1)));
    }
    connect(&mut table, 3, 26, "next");
    while table.migrate(1) {}
    assert_eq!(
        row(&table, 2).map(|row| format!("{} {}", row.process, row.workload)).as_deref(),
        Some("app web.service")
    );
    check(&mut table, SECOND);
}

#[test]
fn what_is_planned_can_be_made_one_row_at_a_time() {
    let mut table = seeded();
    (1..=10).for_each(|sk| connect(&mut table, sk, 1, "here"));
    connect(&mut table, 11, 1, "there");
    let [from, to] =
        [1, 11].map(|sk| table.core.find(sk).map(|at| table.core.rows[at].group).unwrap());
    for sk in 1..=10 {
        {
            let at = table.core.find(sk).unwrap();
            table.work.queue.enqueue_if_unmoved(&table.core, at, to);
        };
    }
    let mut calls = 1;
    while table.step_queue(1) {
        calls += 1;
    }
    assert!(calls > 10 && from != to, "{calls} calls");
    assert!((1..=10).all(|sk| row(&table, sk).is_some_and(|row| &*row.process == "there")));
    check(&mut table, SECOND);
}
