//! How many names of workloads the table waits for and keeps, and for how long.

use std::collections::HashMap;

use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};
use catalogue::labels::YOUNG;
use catalogue::limits::SPARE;

use super::support::{Ask, LIMITS, SECOND, apply, check, covered, entry, owned, step};
use super::workloads::{client, close, connect, counts, seeing, shown, tell, unit};
use super::young::{DIET, live, names, young};
use crate::conn::account::workloads::{MOST_KNOWN, MOST_PENDING};
use crate::conn::limits::IDLE_TTL;
use crate::conn::{Limits, Nanos, Table};
use crate::workload::Key;

#[test]
fn rows_that_came_while_too_many_keys_waited_are_placed_by_a_later_pass() {
    let mut table = seeing(Limits { groups: 200, ..LIMITS });
    let pass = |table: &mut Table| {
        table.begin_pass(Nanos::ZERO);
        (1..=100).for_each(|sk| table.pass_socket(&entry(client(sk, sk), ESTABLISHED, 5)));
        table.end_pass(SECOND, &covered());
        let keys = table.view().wanted_workloads().keys;
        table.tell_workloads(keys.into_iter().map(|key| (key, Some(unit("web")))), Nanos::ZERO);
        check(table, SECOND);
        shown(table, "unknown").0
    };
    for sk in 1..=100 {
        apply(
            &mut table,
            &[
                owned(step(client(sk, sk), CLOSE, SYN_SENT, 1), "unknown", 7),
                step(client(sk, sk), SYN_SENT, ESTABLISHED, 2),
            ],
        );
    }
    assert_eq!(pass(&mut table).get("web.service"), Some(&(MOST_PENDING as u64)));
    assert_eq!(pass(&mut table).get("web.service"), Some(&100));
}

#[test]
fn what_is_gone_before_it_could_be_read_is_unknown_and_asked_for_once() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 25, "curl");
    table.tell_workloads([(Key::Cgroup(25), None)], Nanos::ZERO);
    connect(&mut table, 2, 25, "curl");
    assert_eq!(shown(&mut table, "curl"), (counts([("unknown", 2)]), counts([("unknown", 2)])));
    assert!(!table.view().wants_workloads());
}

#[test]
fn a_name_that_nobody_brings_is_not_waited_for_longer_than_ten_seconds() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 25, "curl");
    table.expire_idle(SECOND);
    assert!(table.view().wants_workloads());
    table.expire_idle(11 * SECOND);
    assert_eq!(shown(&mut table, "curl"), (counts([("unknown", 1)]), counts([("unknown", 1)])));
}

#[test]
fn a_vanished_cgroup_keeps_its_name_for_five_minutes() {
    let mut table = seeing(LIMITS);
    tell(&mut table, 25, "web");
    for (sk, at) in [(1, Nanos::ZERO), (2, IDLE_TTL - Nanos::new(1))] {
        table.expire_idle(at);
        connect(&mut table, sk, 25, "curl");
        assert_eq!(shown(&mut table, "curl").0.keys().collect::<Vec<_>>(), ["web.service"]);
    }
    table.expire_idle(IDLE_TTL);
    connect(&mut table, 3, 25, "curl");
    assert_eq!(table.view().wanted_workloads().keys, [Key::Cgroup(25)]);
}

#[test]
fn a_key_that_waits_has_its_room_among_those_that_are_kept() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 25, "curl");
    for id in 0..=MOST_KNOWN as u64 {
        tell(&mut table, 1000 + id, "x");
    }
    assert_eq!(table.core.workloads.len(), MOST_KNOWN);
    table.tell_workloads([(Key::Cgroup(25), None)], Nanos::ZERO);
    assert_eq!(table.core.workloads.len(), MOST_KNOWN);
}

#[test]
fn a_flood_of_cgroups_is_bounded_and_counted() {
    let mut table = seeing(Limits { groups: 10, services: 10, connections: 100, ..LIMITS });
    for sk in 1..=1000 {
        connect(&mut table, sk, 100 + sk, "curl");
        close(&mut table, sk, 100 + sk);
    }
    assert_eq!(table.view().wanted_workloads().keys.len(), MOST_PENDING);
    let most = 10 + SPARE + 9;
    assert!(table.core.groups.len() <= most);
    for id in 0..100_000 {
        tell(&mut table, id, "x");
    }
    assert!(table.core.workloads.len() <= MOST_KNOWN);
    let seen = table.snapshot(SECOND);
    let overflow: HashMap<_, _> = seen.label_overflow.iter().copied().collect();
    assert!(
        overflow["workloads"] >= 1000 - MOST_PENDING as u64
            && seen.groups.len() <= most
            && seen.services.len() <= 10 + SPARE + 3
    );
    assert_eq!((seen.opened(), seen.closed()), (1000, 1000));
    check(&mut table, SECOND);
}

/// With cgroups of version 1 the unit is asked of each process, and each has ended by then.
#[test]
fn a_name_that_opens_again_and_again_has_a_label_though_no_unit_is_ever_known() {
    let mut table = seeing(DIET);
    for at in 0..20 {
        let (at, name) = (30 + at, if at == 3 { "once" } else { "curl" });
        connect(&mut table, at, 100 + at, name);
        close(&mut table, at, 100 + at);
        // Those of twelve seconds ago are given up.
        table.tell_workloads([(Key::Cgroup(100 + at - 12), None)], at * SECOND);
        live(&mut table, at, at);
    }
    assert_eq!(names(&mut table), [YOUNG]);
    for at in 50..70 {
        table.tell_workloads([(Key::Cgroup(100 + at - 12), None)], at * SECOND);
        live(&mut table, at, at);
    }
    assert_eq!(shown(&mut table, "curl").0, counts([("unknown", 0)]));
    assert_eq!((young(&mut table), names(&mut table).len()), ((0, 20), 2), "once has none");
    check(&mut table, SECOND);
}
