//! Names that are young: they have no label until they have lived, and no sum is wrong meanwhile.

use agent_common::record::Endpoints;
use agent_common::tcp::{CLOSE, ESTABLISHED, LISTEN, SYN_SENT};
use catalogue::labels::{ConnectFailure, OTHER, Role, SocketState, YOUNG};
use catalogue::limits::YOUNG_PORTS;

use super::support::{
    Ask, EPHEMERAL, LIMITS, MS, NETNS, SECOND, apply, check, ends, entry, failing, owned, reads,
    resent, row, step,
};
use super::workloads::{client, close, connect, counts, seeing, shown, tell};
use crate::conn::limits::IDLE_TTL;
use crate::conn::{Limits, Nanos, Table};

/// The age from which a name has a label.
const AGE: Nanos = Nanos::from_secs(30);
/// A table with room for names.
pub(super) const DIET: Limits = Limits { unlabelled: 1000, young: AGE, ..LIMITS };

/// Looks at young names each second, from one moment to another.
pub(super) fn live(table: &mut Table, from: u64, to: u64) {
    for second in from..=to {
        table.age(second * SECOND, 1000);
    }
}

/// The names under which metrics show groups.
pub(super) fn names(table: &mut Table) -> Vec<String> {
    let seen = table.snapshot(SECOND);
    let mut names: Vec<_> = seen.groups.iter().map(|group| group.process.to_string()).collect();
    names.sort();
    names.dedup();
    names
}

/// Young sockets, and connections that young names opened.
pub(super) fn young(table: &mut Table) -> (u64, u64) {
    let (gauges, opened) = shown(table, YOUNG);
    (gauges.values().sum(), opened.values().sum())
}

#[test]
fn a_hundred_names_that_end_at_once_have_one_label_and_every_count() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "jobs");
    for sk in 1..=100 {
        connect(&mut table, sk, 25, &format!("job{sk}"));
        assert_eq!(young(&mut table), (1, sk));
        close(&mut table, sk, 25);
        live(&mut table, sk, sk);
    }
    assert_eq!(names(&mut table), [YOUNG]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.closed()), (100, 100));
    assert_eq!((seen.groups.len(), seen.services.len()), (1, 1), "series of one group and service");
    assert!(seen.label_overflow.iter().all(|(_, count)| *count == 0));
    table.expire_idle(100 * SECOND);
    table.expire_idle(100 * SECOND + AGE);
    assert_eq!(table.core.groups.len(), 9 + 100);
    connect(&mut table, 101, 25, "another");
    assert_eq!(table.core.groups.len(), 9 + 100, "names that are gone have left their places");
    check(&mut table, SECOND);
}

/// A label needs a name first, and a name a place.
#[test]
fn the_largest_budget_of_labels_leaves_places_for_names() {
    let mut table = seeing(Limits { groups: 100_000, ..DIET });
    tell(&mut table, 25, "web");
    connect(&mut table, 1, 25, "late");
    live(&mut table, 10, 40);
    assert_eq!(names(&mut table), ["late", YOUNG]);
}

#[test]
fn a_name_that_holds_a_socket_has_a_label_when_it_is_old_enough() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "web");
    connect(&mut table, 1, 25, "leaker");
    table.retransmit(&resent(client(1, 25), ESTABLISHED, 3));
    live(&mut table, 10, 39);
    assert_eq!((young(&mut table), names(&mut table)), ((1, 1), vec![YOUNG.to_owned()]));
    assert_eq!(row(&table, 1).map(|row| row.process.to_string()).as_deref(), Some("leaker"));
    live(&mut table, 40, 40);
    assert_eq!(shown(&mut table, "leaker").0, counts([("web.service", 1)]), "its gauges move");
    assert_eq!(young(&mut table), (0, 1), "what it has counted stays");
    let seen = table.snapshot(SECOND);
    let resent_by = |process| {
        seen.group(process, Role::Client)
            .map(|group| group.retransmitted.iter().flatten().sum::<u64>())
    };
    assert_eq!((resent_by(YOUNG), resent_by("leaker")), (Some(3), Some(0)));
    close(&mut table, 1, 25);
    let seen = table.snapshot(SECOND);
    let closed = |process: &str| {
        let of = seen.services.iter().filter(|service| &*service.process == process);
        of.flat_map(|service| service.closed).sum::<u64>()
    };
    assert_eq!((closed(YOUNG), closed("leaker")), (0, 1), "its end has its name");
    check(&mut table, SECOND);
}

#[test]
fn a_name_that_opens_again_and_again_has_a_label_and_one_that_opens_once_has_none() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "shell");
    for (at, sk, name) in [(30, 1, "curl"), (31, 2, "once"), (49, 3, "curl")] {
        connect(&mut table, sk, 25, name);
        close(&mut table, sk, 25);
        live(&mut table, at, at);
    }
    assert_eq!(shown(&mut table, "curl").0, counts([("shell.service", 0)]));
    assert_eq!(shown(&mut table, "once").0, counts([]));
    connect(&mut table, 4, 25, "curl");
    assert_eq!(shown(&mut table, "curl").1, counts([("shell.service", 1)]));
    assert_eq!(young(&mut table), (0, 3));
    check(&mut table, SECOND);
}

#[test]
fn one_that_opens_again_after_three_windows_is_young_anew() {
    let mut table = seeing(DIET);
    for (at, sk) in [(30, 1), (60, 2), (90, 3)] {
        connect(&mut table, sk, 25, "cron");
        close(&mut table, sk, 25);
        live(&mut table, at, at + 29);
    }
    assert_eq!((young(&mut table), names(&mut table)), ((0, 3), vec![YOUNG.to_owned()]));
}

#[test]
fn connects_that_fail_are_a_sign_of_life() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "shell");
    for (at, sk) in [(30, 1), (45, 2)] {
        let end = client(sk, 25);
        let refused = failing(step(end, SYN_SENT, CLOSE, 2), 111);
        apply(&mut table, &[owned(step(end, CLOSE, SYN_SENT, 1), "curl", 7), refused]);
        live(&mut table, at, at);
    }
    assert_eq!(shown(&mut table, "curl").0, counts([("shell.service", 0)]));
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.failed_for(ConnectFailure::Refused), seen.failed()), (2, 2));
}

#[test]
fn a_name_is_young_once_for_all_roles() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "web");
    connect(&mut table, 1, 25, "proxy");
    live(&mut table, 1, 31);
    let listener = Endpoints { cgroup: 25, ..ends(2, 80, 0) };
    apply(&mut table, &[owned(step(listener, CLOSE, LISTEN, 9), "proxy", 7)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("proxy", Role::Server, SocketState::Listen), 1);
    assert_eq!(names(&mut table), ["proxy", YOUNG]);
}

#[test]
fn what_the_first_pass_finds_is_not_young() {
    let mut table = Table::new(DIET);
    connect(&mut table, 1, 25, "old");
    table.begin_pass(SECOND);
    table.pass_socket(&entry(client(1, 25), ESTABLISHED, 1000));
    table.end_pass(SECOND, &reads([NETNS]));
    connect(&mut table, 2, 25, "new");
    assert_eq!(names(&mut table), ["old", YOUNG]);
    check(&mut table, SECOND);
}

#[test]
fn a_young_name_waits_for_its_workload_and_its_counts_do_not() {
    let mut table = seeing(DIET);
    connect(&mut table, 1, 25, "app");
    live(&mut table, 1, 40);
    assert_eq!((young(&mut table), shown(&mut table, "app").0), ((1, 1), counts([])));
    tell(&mut table, 25, "web");
    live(&mut table, 41, 41);
    assert_eq!(shown(&mut table, "app").0, counts([("web.service", 1)]));
    assert_eq!(young(&mut table), (0, 1));
    check(&mut table, SECOND);
}

#[test]
fn without_a_label_to_give_a_name_goes_from_young_to_other() {
    let mut table = seeing(Limits { groups: 1, ..DIET });
    tell(&mut table, 25, "web");
    for (sk, name) in [(1, "first"), (2, "second")] {
        connect(&mut table, sk, 25, name);
        table.retransmit(&resent(client(sk, 25), ESTABLISHED, 1));
    }
    live(&mut table, 1, 31);
    assert_eq!(names(&mut table), ["first", OTHER, YOUNG]);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of(OTHER, Role::Client, SocketState::Established), 1);
    assert_eq!(seen.label_overflow[0], ("groups", 1), "its row is beyond the budget now");
    let resent: u64 = seen.groups.iter().flat_map(|group| group.retransmitted).flatten().sum();
    assert_eq!((resent, young(&mut table)), (2, (0, 2)));
    check(&mut table, SECOND);
}

#[test]
fn without_room_for_a_name_a_row_is_in_other_and_counted_as_overflow() {
    let mut table = seeing(Limits { unlabelled: 2, ..DIET });
    for sk in 1..=4 {
        connect(&mut table, sk, 25, &format!("job{sk}"));
    }
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of(OTHER, Role::Client, SocketState::Established), 2);
    assert_eq!((seen.label_overflow[0], young(&mut table)), (("groups", 2), (2, 2)));
    check(&mut table, SECOND);
}

/// A connection of a young name to a port, opened and closed.
fn visit(table: &mut Table, sk: u64, port: u16) {
    let (end, name) = (ends(sk, EPHEMERAL, port), format!("job{sk}"));
    apply(
        table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), &name, 7),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), &name, 7),
            step(end, ESTABLISHED, CLOSE, 3),
        ],
    );
}

#[test]
fn ports_of_young_names_are_told_apart_within_a_bound_and_lent() {
    let mut table = seeing(DIET);
    let more = u16::try_from(YOUNG_PORTS).expect("a few") + 8;
    (1..=more).for_each(|port| visit(&mut table, port.into(), port));
    let of = |table: &mut Table, process: &str| {
        let seen = table.snapshot(SECOND);
        let its = seen.services.into_iter().filter(|service| &*service.process == process);
        let (with, without): (Vec<_>, Vec<_>) = its.partition(|service| service.port.is_some());
        (with.len(), without.iter().map(|service| service.opened).sum::<u64>())
    };
    assert_eq!(of(&mut table, YOUNG), (YOUNG_PORTS, 8));
    table.expire_idle(SECOND);
    visit(&mut table, 1, 1);
    table.expire_idle(2 * SECOND);
    table.expire_idle(SECOND + IDLE_TTL);
    assert_eq!(of(&mut table, YOUNG), (1, 8), "one is in use");
    assert_eq!(of(&mut table, OTHER), (0, YOUNG_PORTS as u64 - 1), "who counts what it had");
    assert_eq!(table.snapshot(SECOND).opened(), u64::from(more) + 1);
    visit(&mut table, 2, 9999);
    assert_eq!(of(&mut table, YOUNG), (2, 8), "its place is free for another");
    check(&mut table, SECOND);
}

#[test]
fn a_pass_counts_what_young_names_hold_at_a_port() {
    let mut table = seeing(DIET);
    tell(&mut table, 25, "web");
    connect(&mut table, 1, 25, "app");
    let established = |table: &mut Table, at: Nanos| {
        table.begin_pass(at);
        table.pass_socket(&entry(client(1, 25), ESTABLISHED, at.get() / MS.get()));
        table.end_pass(at, &reads([NETNS]));
        let seen = table.snapshot(at);
        let of = |process: &str| {
            let its = seen.services.iter().filter(|service| &*service.process == process);
            its.map(|service| service.established).sum::<u64>()
        };
        (of(YOUNG), of("app"))
    };
    assert_eq!(established(&mut table, 5 * SECOND), (1, 0));
    live(&mut table, 5, 36);
    assert_eq!(established(&mut table, 40 * SECOND), (0, 1));
}

#[test]
fn an_age_of_zero_gives_each_name_its_label_at_once() {
    let mut table = seeing(Limits { young: Nanos::ZERO, ..DIET });
    tell(&mut table, 25, "web");
    connect(&mut table, 1, 25, "app");
    assert_eq!(shown(&mut table, "app").1, counts([("web.service", 1)]));
    assert_eq!(names(&mut table), ["app"]);
}
