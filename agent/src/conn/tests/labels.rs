//! Names that are kept apart from labels: a flood of names hides nobody.

use agent_common::tcp::{CLOSE_WAIT, ESTABLISHED};
use catalogue::labels::{OTHER, Role, SocketState};
use catalogue::limits::LEAK_PLACES;

use super::support::{Ask, LIMITS, SECOND, apply, check, entry, reads, resent, row, step};
use super::workloads::{client, close, connect, counts, seeing, shown, tell};
use crate::conn::limits::WANTED_TTL;
use crate::conn::{Budget, Limits, Progress, Table};

const FEW: Limits = Limits { groups: 4, unlabelled: 100, services: 8, ..LIMITS };

/// The socket of the process that comes last.
const LATE: u64 = 1000;

/// Processes that hold a connection each, under a name of their own, in one cgroup.
fn flood(table: &mut Table, count: u64, cgroup: u64) {
    for sk in 1..=count {
        connect(table, sk, cgroup, &format!("p{sk}"));
    }
}

fn named(table: &Table, sk: u64) -> Option<String> {
    row(table, sk).map(|row| row.process.to_string())
}

/// Segments that clients of this name have retransmitted.
fn retransmitted(table: &mut Table, process: &str) -> u64 {
    let seen = table.snapshot(SECOND);
    let of = seen.group(process, Role::Client).map(|group| group.retransmitted);
    of.into_iter().flatten().flatten().sum()
}

#[test]
fn a_row_keeps_the_name_of_its_process_when_labels_are_used_up() {
    let mut table = Table::new(FEW);
    flood(&mut table, 20, 1);
    connect(&mut table, LATE, 1, "victim");
    assert_eq!(named(&table, LATE).as_deref(), Some("victim"));
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("victim", Role::Client, SocketState::Established), 0);
    assert_eq!(seen.gauge_of(OTHER, Role::Client, SocketState::Established), 17);
    assert_eq!(seen.label_overflow[0], ("groups", 17), "each row counts once");
    assert_eq!(seen.opened(), 21);
    check(&mut table, SECOND);
}

#[test]
fn names_have_a_budget_too_and_beyond_it_a_row_is_in_other() {
    let mut table = Table::new(Limits { unlabelled: 2, ..FEW });
    flood(&mut table, 7, 1);
    let names: Vec<_> = (4..=7).filter_map(|sk| named(&table, sk)).collect();
    assert_eq!(names, ["p4", "p5", "p6", OTHER]);
    assert_eq!(table.snapshot(SECOND).label_overflow[0], ("groups", 3));
    check(&mut table, SECOND);
}

#[test]
fn the_label_of_a_process_that_is_gone_goes_to_one_that_waits() {
    let mut table = Table::new(FEW);
    flood(&mut table, 4, 1);
    (1..=4).for_each(|sk| close(&mut table, sk, 1));
    connect(&mut table, LATE, 1, "victim");
    table.retransmit(&resent(client(LATE, 1), ESTABLISHED, 3));
    table.expire_idle(SECOND);
    table.expire_idle(WANTED_TTL);
    assert_eq!(shown(&mut table, "victim").0, counts([]), "a scrape may still be due");
    assert_eq!(retransmitted(&mut table, OTHER), 3);
    table.expire_idle(WANTED_TTL + SECOND);
    assert_eq!(shown(&mut table, "victim").0, counts([("host", 1)]));
    let left = retransmitted(&mut table, OTHER);
    assert_eq!((left, retransmitted(&mut table, "victim")), (3, 0), "no counter goes down");
    table.retransmit(&resent(client(LATE, 1), ESTABLISHED, 2));
    assert_eq!(retransmitted(&mut table, "victim"), 2);
    connect(&mut table, LATE + 1, 1, "victim");
    assert_eq!(shown(&mut table, "victim").1, counts([("host", 1)]), "and opens under its name");
    check(&mut table, SECOND);
    let end = WANTED_TTL + SECOND + SECOND;
    table.begin_pass(end);
    for sk in [LATE, LATE + 1] {
        let listed = entry(client(sk, 1), ESTABLISHED, end.get() / 1_000_000);
        table.pass_socket(&listed);
    }
    table.end_pass(end, &reads([client(LATE, 1).netns]));
    let seen = table.snapshot(end);
    let own = seen.services.iter().find(|service| &*service.process == "victim");
    assert_eq!(own.map(|own| own.established), Some(2), "a pass looks for its service again");
    assert_eq!(seen.services.iter().map(|service| service.established).sum::<u64>(), 2);
}

#[test]
fn leakers_get_a_label_although_all_are_taken_and_the_largest_come_first() {
    let mut table = Table::new(Limits { unlabelled: 1000, ..FEW });
    let most = u64::try_from(LEAK_PLACES).expect("a small number");
    for sk in 1..=most + 40 {
        connect(&mut table, sk, 1, &format!("p{sk}"));
        apply(&mut table, &[step(client(sk, 1), ESTABLISHED, CLOSE_WAIT, 3)]);
    }
    for sk in LATE..LATE + 5 {
        connect(&mut table, sk, 1, "victim");
        apply(&mut table, &[step(client(sk, 1), ESTABLISHED, CLOSE_WAIT, 4)]);
    }
    table.expire_idle(30 * SECOND);
    assert_eq!(shown(&mut table, "victim").0, counts([]), "nothing is stuck yet");
    let _aged = table.snapshot(120 * SECOND);
    table.expire_idle(120 * SECOND);
    assert_eq!(shown(&mut table, "victim").0, counts([("host", 5)]));
    let seen = table.snapshot(120 * SECOND);
    let labelled = seen.groups.iter().filter(|group| &*group.process != OTHER).count();
    assert_eq!(labelled, FEW.groups + LEAK_PLACES);
    check(&mut table, 120 * SECOND);
}

#[test]
fn one_workload_takes_no_more_than_its_share_of_the_labels_and_names() {
    let mut table = seeing(Limits { groups: 16, unlabelled: 16, ..LIMITS });
    tell(&mut table, 25, "flood");
    tell(&mut table, 26, "victim");
    flood(&mut table, 100, 25);
    let most = |seen: &crate::conn::report::snapshot::Snapshot| {
        seen.groups.iter().filter(|group| &*group.workload == "flood.service").count()
    };
    assert_eq!(most(&table.snapshot(SECOND)), 12);
    let names = (1..=100).filter(|sk| named(&table, *sk).as_deref() != Some(OTHER)).count();
    assert_eq!(names, 24);
    for sk in 0..4 {
        connect(&mut table, LATE + sk, 26, &format!("v{sk}"));
        let unit = ("victim.service", 1);
        assert_eq!(shown(&mut table, &format!("v{sk}")).0, counts([unit]), "v{sk}");
    }
    check(&mut table, SECOND);
}

#[test]
fn what_had_a_spare_label_goes_to_the_group_of_its_name_without_one() {
    let mut table = seeing(FEW);
    tell(&mut table, 25, "web");
    flood(&mut table, 4, 25);
    connect(&mut table, LATE, 25, "app");
    assert_eq!(shown(&mut table, "app").0, counts([]));
    connect(&mut table, LATE + 1, 26, "app");
    table.retransmit(&resent(client(LATE + 1, 26), ESTABLISHED, 5));
    assert_eq!(shown(&mut table, "app").0, counts([("unknown", 1)]), "it has a spare label");
    let before = table.snapshot(SECOND).opened();
    tell(&mut table, 26, "web");
    while table.step(SECOND, Budget::UNLIMITED) == Progress::More {}
    assert_eq!(shown(&mut table, "app"), (counts([]), counts([])));
    assert_eq!(retransmitted(&mut table, OTHER), 5);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of(OTHER, Role::Client, SocketState::Established), 2);
    assert_eq!(seen.opened(), before + 1, "its opens were held back until the name came");
    assert_eq!(named(&table, LATE + 1).as_deref(), Some("app"));
    check(&mut table, SECOND);
}

#[test]
fn a_spare_label_is_given_up_when_the_name_of_the_workload_comes() {
    let mut table = seeing(FEW);
    for sk in 1..=10 {
        connect(&mut table, sk, 100 + sk, &format!("p{sk}"));
        table.retransmit(&resent(client(sk, 100 + sk), ESTABLISHED, 1));
    }
    for sk in 1..=10 {
        tell(&mut table, 100 + sk, "web");
    }
    let seen = table.snapshot(SECOND);
    let of_web = seen.groups.iter().filter(|group| &*group.workload == "web.service").count();
    assert_eq!(of_web, FEW.groups);
    assert_eq!(seen.gauge_of(OTHER, Role::Client, SocketState::Established), 6);
    assert_eq!(retransmitted(&mut table, OTHER), 6);
    let names = [1, 10].map(|sk| named(&table, sk).unwrap_or_default());
    assert_eq!(names, ["p1", "p10"]);
    check(&mut table, SECOND);
}

#[test]
fn the_leaks_of_one_workload_leave_labels_to_the_others() {
    let mut table = seeing(Limits { groups: 16, unlabelled: 1000, ..LIMITS });
    tell(&mut table, 25, "flood");
    tell(&mut table, 26, "victim");
    flood(&mut table, 200, 25);
    for sk in 1..=200 {
        apply(&mut table, &[step(client(sk, 25), ESTABLISHED, CLOSE_WAIT, 3)]);
    }
    let _aged = table.snapshot(120 * SECOND);
    table.expire_idle(120 * SECOND);
    for sk in 0..4 {
        connect(&mut table, LATE + sk, 26, &format!("v{sk}"));
    }
    table.expire_idle(130 * SECOND);
    let seen = table.snapshot(130 * SECOND);
    let of = |unit: &str| seen.groups.iter().filter(|group| &*group.workload == unit).count();
    assert_eq!((of("flood.service"), of("victim.service")), (12 + LEAK_PLACES, 0));
    for sk in 0..4 {
        apply(&mut table, &[step(client(LATE + sk, 26), ESTABLISHED, CLOSE_WAIT, 140_000)]);
    }
    let _aged = table.snapshot(300 * SECOND);
    table.expire_idle(300 * SECOND);
    let seen = table.snapshot(300 * SECOND);
    let victims = seen.groups.iter().filter(|group| &*group.workload == "victim.service");
    assert_eq!(victims.count(), 4, "what leaks there has its label");
    check(&mut table, 300 * SECOND);
}
