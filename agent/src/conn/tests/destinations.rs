//! Destinations that an operator has named: services, failures and idle connections apart.

use std::collections::BTreeMap;

use agent_common::record::{Activity, Endpoints, Socket, flag, known};
use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};
use catalogue::labels::{ConnectFailure, Role};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, check, covered, ends, entry, failing, holder,
    owned, step, v4, walked,
};
use crate::conn::report::snapshot::Snapshot;
use crate::conn::{Destinations, Limits, Nanos, Table};

const DATABASE: [u8; 4] = [10, 0, 3, 7];
const ELSEWHERE: [u8; 4] = [10, 0, 9, 9];

/// A table that has read a list, with the database named.
pub(super) fn naming(limits: Limits, networks: &[&str]) -> Table {
    let mut table = Table::new(limits);
    let networks = networks.iter().map(|&text| text.to_owned()).collect();
    let named = BTreeMap::from([("orders-db".to_owned(), networks)]);
    table.name_destinations(Destinations::read(&named).unwrap());
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    table
}

fn to(sk: u64, peer: [u8; 4]) -> Endpoints {
    Endpoints { peer: v4(peer), ..ends(sk, EPHEMERAL, PORT) }
}

fn connect(table: &mut Table, end: Endpoints, new: u8, err: u16) {
    apply(table, &[owned(step(end, CLOSE, SYN_SENT, 10), "checkout", 20)]);
    apply(table, &[failing(step(end, SYN_SENT, new, 20), err)]);
}

/// Opened and refused connects, by destination.
fn counts(seen: &Snapshot) -> BTreeMap<String, (u64, u64)> {
    let of = |name: Option<&str>| name.unwrap_or("none").to_owned();
    let mut all: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for service in &seen.services {
        let counts = all.entry(of(service.destination.as_deref())).or_default();
        counts.0 += service.opened;
        counts.1 += service.failures[ConnectFailure::Refused.index()];
    }
    all
}

#[test]
fn connects_to_a_named_destination_count_there_and_nowhere_else() {
    let mut table = naming(LIMITS, &["10.0.3.0/24:8080"]);
    for (sk, peer) in [(1, DATABASE), (2, DATABASE), (3, ELSEWHERE)] {
        connect(&mut table, to(sk, peer), CLOSE, 111);
    }
    connect(&mut table, to(4, DATABASE), ESTABLISHED, 0);
    connect(&mut table, to(5, ELSEWHERE), ESTABLISHED, 0);
    let seen = table.snapshot(SECOND);
    let expected = [("none".to_owned(), (1, 1)), ("orders-db".to_owned(), (1, 2))];
    assert_eq!(counts(&seen), BTreeMap::from(expected));
    assert_eq!((seen.opened(), seen.failed()), (2, 3));
    let flows = table.view().flows();
    assert_eq!(flows.values().copied().collect::<Vec<_>>(), [(2, 0)], "flows know ports only");
    check(&mut table, SECOND);
}

#[test]
fn a_server_has_no_destination() {
    let mut table = naming(LIMITS, &["0.0.0.0/0"]);
    let end = Endpoints { peer: v4(DATABASE), ..ends(1, PORT, EPHEMERAL) };
    apply(&mut table, &[step(end, 10, 3, 1), step(end, 3, ESTABLISHED, 2)]);
    let seen = table.snapshot(SECOND);
    assert!(seen.services.iter().all(|service| service.destination.is_none()));
    assert_eq!(seen.opened(), 1);
}

#[test]
fn idle_connections_to_it_are_among_those_of_the_process_and_go_with_a_new_owner() {
    let mut table = naming(LIMITS, &["10.0.3.7"]);
    let now = 1000 * SECOND;
    table.begin_pass(now);
    for (sk, peer, seconds) in [(1, DATABASE, 400), (2, DATABASE, 5), (3, ELSEWHERE, 4000)] {
        connect(&mut table, to(sk, peer), ESTABLISHED, 0);
        let ago = u32::try_from(seconds * SECOND.get() / crate::clock::tick()).unwrap();
        let used = Activity {
            sent_ago: ago,
            received_ago: ago,
            acked_ago: ago,
            known: known::TIMES,
            ..Activity::default()
        };
        table.pass_socket(&Socket {
            activity: used,
            flags: flag::ATTACHED,
            ..entry(to(sk, peer), ESTABLISHED, 1_000_000)
        });
        table.pass_holder(&holder(sk, "worker", 9));
    }
    table.end_pass(now, &walked(now));
    check(&mut table, now);
    let seen = table.snapshot(now);
    let group = seen.group("worker", Role::Client).expect("its group");
    assert_eq!(group.queued.idle, [2, 2, 1]);
    let idle: Vec<_> = (seen.services.iter().filter(|service| &*service.process == "worker"))
        .map(|service| (service.destination.as_deref(), service.established, service.idle))
        .collect();
    assert!(idle.contains(&(Some("orders-db"), 2, [1, 1, 0])), "{idle:?}");
    assert!(idle.contains(&(None, 1, [0; 3])), "{idle:?}");
}

#[test]
fn beyond_the_budget_a_destination_counts_with_the_rest() {
    let mut table = naming(Limits { services: 1, ..LIMITS }, &["10.0.3.7"]);
    connect(&mut table, to(1, ELSEWHERE), ESTABLISHED, 0);
    connect(&mut table, to(2, DATABASE), ESTABLISHED, 0);
    let seen = table.snapshot(SECOND);
    assert_eq!(counts(&seen), BTreeMap::from([("none".to_owned(), (2, 0))]));
    assert!(seen.services.iter().any(|service| service.port.is_none() && service.opened == 1));
}
