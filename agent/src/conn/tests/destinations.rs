//! Destinations that an operator has named: failures and idle connections apart, and no more.

use std::collections::BTreeMap;

use agent_common::record::{Activity, Endpoints, Socket, flag, known};
use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};
use catalogue::labels::{ConnectFailure, Role};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, check, covered, ends, entry, failing, holder,
    owned, step, v4, walked,
};
use crate::conn::limits::IDLE_TTL;
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

/// A pass meets a connection that has carried no data for so many seconds.
fn idle(table: &mut Table, end: Endpoints, seconds: u64) {
    let ago = u32::try_from(seconds * SECOND.get() / crate::clock::tick()).unwrap();
    let activity = Activity {
        sent_ago: ago,
        received_ago: ago,
        acked_ago: ago,
        known: known::TIMES,
        ..Activity::default()
    };
    let flags = flag::ATTACHED;
    table.pass_socket(&Socket { activity, flags, ..entry(end, ESTABLISHED, 10_000_000) });
}

/// Failed connects of a service, by destination; what goes to none last.
type Failed = (&'static str, Option<u16>, Vec<(u8, u64)>, u64);

/// Failed connects by service and destination.
fn failed(seen: &Snapshot) -> Vec<Failed> {
    let known = ["checkout", "~other", "~young", "worker"];
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    let mut all: Vec<Failed> = (seen.services.iter())
        .map(|service| {
            let process = known.into_iter().find(|name| **name == *service.process).unwrap();
            let to: Vec<_> =
                service.failed_to.iter().map(|(to, counts)| (*to, sum(counts))).collect();
            let rest = sum(&service.failures) - to.iter().map(|(_, count)| count).sum::<u64>();
            (process, service.port, to, rest)
        })
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn failures_to_a_named_destination_count_there_and_in_no_other_series() {
    let mut table = naming(LIMITS, &["10.0.3.0/24:8080"]);
    for (sk, peer) in [(1, DATABASE), (2, DATABASE), (3, ELSEWHERE)] {
        connect(&mut table, to(sk, peer), CLOSE, 111);
    }
    connect(&mut table, to(4, DATABASE), ESTABLISHED, 0);
    connect(&mut table, to(5, ELSEWHERE), ESTABLISHED, 0);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.destinations, ["orders-db".into()]);
    assert_eq!(failed(&seen), [("checkout", Some(PORT), vec![(0, 2)], 1)]);
    let refused = &seen.services[0].failed_to[0].1;
    assert_eq!(refused[ConnectFailure::Refused.index()], 2);
    assert_eq!((seen.opened(), seen.failed()), (2, 3));
    check(&mut table, SECOND);
}

#[test]
fn a_destination_is_there_from_the_first_connection_on() {
    let mut table = naming(LIMITS, &["10.0.3.7"]);
    connect(&mut table, to(1, DATABASE), ESTABLISHED, 0);
    assert_eq!(failed(&table.snapshot(SECOND)), [("checkout", Some(PORT), vec![(0, 0)], 0)]);
}

#[test]
fn a_server_has_no_destination() {
    let mut table = naming(LIMITS, &["0.0.0.0/0"]);
    let end = Endpoints { peer: v4(DATABASE), ..ends(1, PORT, EPHEMERAL) };
    apply(&mut table, &[step(end, 10, 3, 1), step(end, 3, ESTABLISHED, 2)]);
    let seen = table.snapshot(SECOND);
    assert!(!seen.services.is_empty());
    assert!(seen.services.iter().all(|service| service.failed_to.is_empty()));
    assert_eq!(seen.opened(), 1);
}

#[test]
fn idle_connections_to_it_are_among_those_of_the_process_and_go_with_a_new_owner() {
    let mut table = naming(LIMITS, &["10.0.3.7"]);
    let now = Nanos::from_secs(10_000);
    table.begin_pass(now);
    for (sk, peer, seconds) in [(1, DATABASE, 400), (2, DATABASE, 5), (3, ELSEWHERE, 4000)] {
        connect(&mut table, to(sk, peer), ESTABLISHED, 0);
        idle(&mut table, to(sk, peer), seconds);
        table.pass_holder(&holder(sk, "worker", 9));
    }
    table.end_pass(now, &walked(now));
    check(&mut table, now);
    let seen = table.snapshot(now);
    let group = seen.group("worker", Role::Client).expect("its group");
    assert_eq!(group.queued.idle, [2, 2, 1]);
    assert_eq!(group.idle_to, [(0, [1, 1, 0])]);
    // A pass later nothing is idle for a minute.
    table.begin_pass(now);
    table.end_pass(now, &walked(now));
    let seen = table.snapshot(now);
    assert!(seen.groups.iter().all(|group| group.idle_to.is_empty()));
}

#[test]
fn beyond_the_budget_of_services_a_destination_is_told_apart_in_what_they_share() {
    let mut table = naming(Limits { services: 1, ..LIMITS }, &["10.0.3.7"]);
    connect(&mut table, to(1, ELSEWHERE), CLOSE, 111);
    let end = Endpoints { peer_port: 81, ..to(2, DATABASE) };
    connect(&mut table, end, CLOSE, 111);
    let expected = [("checkout", Some(PORT), vec![], 1), ("~other", None, vec![(0, 1)], 0)];
    assert_eq!(failed(&table.snapshot(SECOND)), expected);
}

/// A table that has named two destinations, with room for one service.
fn two_names() -> Table {
    let mut table = Table::new(Limits { services: 1, ..LIMITS });
    let named = [("a", "10.0.3.7"), ("b", "10.0.9.9")];
    let named = named.map(|(name, network)| (name.to_owned(), vec![network.to_owned()]));
    table.name_destinations(Destinations::read(&BTreeMap::from(named)).unwrap());
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    table
}

#[test]
fn a_pair_beyond_the_bound_counts_without_the_label_and_as_overflow() {
    let mut table = two_names();
    connect(&mut table, to(1, DATABASE), CLOSE, 111);
    connect(&mut table, to(2, ELSEWHERE), ESTABLISHED, 0);
    assert_eq!(table.core.services.overflow, 0, "nothing was lost yet");
    connect(&mut table, to(3, ELSEWHERE), CLOSE, 111);
    connect(&mut table, to(4, ELSEWHERE), CLOSE, 111);
    let seen = table.snapshot(SECOND);
    assert_eq!(failed(&seen), [("checkout", Some(PORT), vec![(0, 1)], 2)]);
    assert_eq!(table.core.services.overflow, 2);
    check(&mut table, SECOND);
}

#[test]
fn idle_pairs_beyond_the_bound_count_without_the_label_and_once_as_overflow() {
    let mut table = two_names();
    let now = Nanos::from_secs(10_000);
    for (sk, peer) in [(1, DATABASE), (2, DATABASE), (3, ELSEWHERE)] {
        connect(&mut table, to(sk, peer), ESTABLISHED, 0);
    }
    for pass in 0..3_u64 {
        let now = now.saturating_add(Nanos::new(pass));
        table.begin_pass(now);
        for (sk, peer) in [(1, DATABASE), (2, DATABASE), (3, ELSEWHERE)] {
            idle(&mut table, to(sk, peer), 100);
        }
        table.end_pass(now, &walked(now));
        let seen = table.snapshot(now);
        let group = seen.group("checkout", Role::Client).expect("its group");
        assert_eq!(group.queued.idle, [3, 0, 0]);
        let [(_, [named, 0, 0])] = group.idle_to[..] else { panic!("{:?}", group.idle_to) };
        // Which of the two is met first has no meaning.
        assert_eq!(table.core.services.overflow, 3 - named);
    }
}

#[test]
fn what_a_service_that_ends_had_counted_keeps_its_destination() {
    let mut table = naming(LIMITS, &["10.0.3.7"]);
    connect(&mut table, to(1, DATABASE), CLOSE, 111);
    for idle in 1..3 {
        table.expire_idle(Nanos::new(idle * IDLE_TTL.get()));
    }
    assert_eq!(failed(&table.snapshot(SECOND)), [("~other", None, vec![(0, 1)], 0)]);
}

#[test]
fn young_names_tell_destinations_apart_too() {
    let mut table =
        naming(Limits { young: Nanos::from_secs(30), unlabelled: 5, ..LIMITS }, &["10.0.3.7"]);
    connect(&mut table, to(1, DATABASE), CLOSE, 111);
    connect(&mut table, to(2, ELSEWHERE), CLOSE, 111);
    let expected = [("~young", Some(PORT), vec![(0, 1)], 1)];
    assert_eq!(failed(&table.snapshot(SECOND)), expected);
}
