//! The bounds, each of them reached.

use agent_common::tcp::{CLOSE, ESTABLISHED, LISTEN, SYN_SENT};
use catalogue::labels::{Correction, OTHER, Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, check, covered, ends, entry, holder, owned,
    resent, seeded, step, walked,
};
use crate::conn::report::snapshot::Snapshot;
use crate::conn::{Limits, Nanos, Table};

fn overflow(seen: &Snapshot, family: &str) -> u64 {
    seen.label_overflow.iter().find(|(name, _)| *name == family).map_or(0, |(_, count)| *count)
}

fn connect(table: &mut Table, sk: u64, name: &str, port: u16) {
    let end = ends(sk, EPHEMERAL, port);
    let tgid = u32::try_from(sk).expect("a small number");
    apply(
        table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), name, tgid),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), name, tgid),
        ],
    );
}

#[test]
fn a_full_table_refuses_births_counts_each_once_and_takes_sockets_in_later() {
    let mut table = Table::new(Limits { connections: 2, ..LIMITS });
    for sk in 1..=3 {
        connect(&mut table, sk, "client", PORT);
    }
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.tracked, seen.limit, seen.refused, seen.opened()), (2, 2, 1, 2));
    table.begin_pass(Nanos::ZERO);
    table.pass_socket(&entry(ends(4, PORT, 0), LISTEN, 5));
    table.end_pass(Nanos::ZERO, &covered());
    assert_eq!(
        table.snapshot(SECOND).refused,
        2,
        "a socket that the first pass has no room for is refused too"
    );
    apply(&mut table, &[step(ends(1, EPHEMERAL, PORT), ESTABLISHED, CLOSE, 9)]);
    table.begin_pass(SECOND);
    table.pass_socket(&entry(ends(3, EPHEMERAL, PORT), ESTABLISHED, 1001));
    table.end_pass(SECOND, &covered());
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (seen.tracked, seen.opened(), seen.closed(), seen.corrected(Correction::MissedOpen)),
        (2, 3, 1, 1)
    );
    apply(&mut table, &[step(ends(77, PORT, 1), ESTABLISHED, CLOSE, 2000)]);
    check(&mut table, 3 * SECOND);
}

#[test]
fn a_million_names_stay_within_the_budget_and_fold_into_other() {
    let mut table = Table::new(Limits { groups: 10, services: 10, ..LIMITS });
    for sk in 1..=1_000_000_u64 {
        let end = ends(sk, EPHEMERAL, PORT);
        table.transition(&owned(step(end, CLOSE, SYN_SENT, 1), &format!("p{sk}"), 1));
        table.transition(&owned(step(end, SYN_SENT, ESTABLISHED, 2), &format!("p{sk}"), 1));
        table.transition(&step(end, ESTABLISHED, CLOSE, 3));
    }
    let seen = table.snapshot(SECOND);
    assert_eq!((table.core.groups.len(), overflow(&seen, "groups")), (10 + 9, 1_000_000 - 10));
    assert!(seen.groups.len() <= 10 + 6);
    assert_eq!(seen.group("p1", Role::Client).map(|group| group.role), Some(Role::Client));
    assert!(seen.services.len() <= 10 + 3);
    assert_eq!((seen.opened(), seen.closed()), (1_000_000, 1_000_000));
    check(&mut table, SECOND);
}

#[test]
fn a_row_in_other_is_counted_as_overflow_once_while_its_owner_stays() {
    let mut table = Table::new(Limits { groups: 0, ..LIMITS });
    connect(&mut table, 1, "client", PORT);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (overflow(&seen, "groups"), seen.gauge_of(OTHER, Role::Client, SocketState::Established)),
        (1, 1)
    );
    for _ in 0..3 {
        table.begin_pass(Nanos::ZERO);
        table.pass_holder(&holder(1, "client", 1));
        table.end_pass(Nanos::ZERO, &walked(Nanos::ZERO));
    }
    assert_eq!(overflow(&table.snapshot(SECOND), "groups"), 1);
}

#[test]
fn services_beyond_the_budget_fold_into_other_without_port_and_keep_their_role() {
    let mut table = Table::new(Limits { services: 2, ..LIMITS });
    for port in 1..=5_u16 {
        connect(&mut table, u64::from(port), "client", port);
    }
    let seen = table.snapshot(SECOND);
    assert_eq!((overflow(&seen, "services"), seen.opened()), (3, 5));
    assert!(seen.services.len() <= 2 + 3);
    let rest = seen
        .services
        .iter()
        .find(|service| service.port.is_none() && service.role == Role::Client)
        .expect("the rest");
    assert_eq!((&*rest.process, rest.opened), (OTHER, 3));
}

#[test]
fn ports_beyond_the_budget_share_one_count() {
    let mut table = Table::new(Limits { ports: 2, ..LIMITS });
    for port in [1, 2, 3, 3, 1] {
        table.synack_retransmit(&resent(ends(1, port, 9), LISTEN, 1));
    }
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.synack_retransmits, [(Some(1), 2), (Some(2), 1), (None, 2)]);
    assert_eq!(overflow(&seen, "ports"), 2);
}

#[test]
fn two_names_that_look_alike_are_one_process() {
    let mut table = seeded();
    connect(&mut table, 1, "evil\x1b", PORT);
    connect(&mut table, 2, "evil", PORT);
    assert_eq!(table.snapshot(SECOND).gauge_of("evil", Role::Client, SocketState::Established), 2);
}

#[test]
fn every_state_of_a_process_is_there_from_its_first_socket() {
    let mut table = seeded();
    connect(&mut table, 1, "client", PORT);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        seen.group("client", Role::Client).map(|group| group.states.len()),
        Some(SocketState::COUNT)
    );
}
