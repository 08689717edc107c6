//! Local ports by destination, and refused connections by namespace.

use agent_common::record::{Endpoints, Socket};
use agent_common::tcp::{ESTABLISHED, SYN_SENT, TIME_WAIT};

use super::pressure::{facts, listener, pass, shown};
use super::support::{LIMITS, MS, NETNS, SECOND, covered, ends, entry, reads, v4};
use crate::conn::report::pressure::Netstat;
use crate::conn::{Covered, Limits, Nanos, Table};

fn client(sk: u64, local_port: u16, peer: [u8; 4], peer_port: u16) -> Endpoints {
    Endpoints { peer: v4(peer), ..ends(sk, local_port, peer_port) }
}

#[test]
fn ports_are_counted_for_each_destination_and_the_worst_shows() {
    let mut table = Table::new(LIMITS);
    let worst = |sk: u16| client(sk.into(), 40_000 + sk, [10, 0, 0, 1], 5432);
    let mut entries = vec![listener(900, 40_050, 0, 9, 0), listener(901, 80, 0, 9, 0)];
    entries.extend((0..30).map(|sk| entry(worst(sk), ESTABLISHED, 0)));
    entries.extend((30..40).map(|sk| Socket { substate: 6, ..entry(worst(sk), TIME_WAIT, 0) }));
    entries.extend(
        (40..45).map(|sk| {
            entry(client(sk, 40_000, [10, 0, 1, sk.to_le_bytes()[0]], 5432), SYN_SENT, 0)
        }),
    );
    // Not from the range, and from a listener inside the range.
    entries.push(entry(client(100, 9, [10, 0, 0, 1], 5432), ESTABLISHED, 0));
    entries.extend(
        (200..260).map(|sk| entry(client(sk, 40_050, [10, 0, 0, 1], 5432), ESTABLISHED, 0)),
    );
    pass(&mut table, 0, &entries);
    let pressure = shown(&mut table);
    assert_eq!(
        pressure
            .ports
            .iter()
            .map(|place| (place.netns, place.used, place.range))
            .collect::<Vec<_>>(),
        [(NETNS, 40, 99)]
    );
    let first = pressure.destinations[0];
    assert_eq!(
        (first.peer.to_string(), first.peer_port, first.used, first.time_wait),
        ("::ffff:10.0.0.1".into(), 5432, 40, 10)
    );
    assert_eq!((pressure.destinations.len(), first.tw_reuse), (6, Some(2)));
}

#[test]
fn the_worst_destination_is_not_lost_among_a_hundred_thousand() {
    let mut table = Table::new(LIMITS);
    table.begin_pass(Nanos::ZERO);
    table.pass_facts(facts(NETNS, "32768 60999", [0, 0]));
    let mut sk = 0;
    for number in 0..100_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        sk += 1;
        table.pass_socket(&Socket {
            substate: 6,
            ..entry(client(sk, 33_000, [11, a, b, c], 443), TIME_WAIT, 0)
        });
        // It comes late, when there has been no room for long.
        if number >= 50_000 && number % 5 == 0 {
            let port = 33_000 + u16::try_from((number - 50_000) / 5).unwrap();
            sk += 1;
            table.pass_socket(&Socket {
                substate: 6,
                ..entry(client(sk, port, [10, 0, 0, 1], 443), TIME_WAIT, 0)
            });
        }
    }
    table.end_pass(MS, &covered());
    let worst = shown(&mut table).destinations[0];
    assert_eq!(worst.peer.to_string(), "::ffff:10.0.0.1");
    assert!((10_000 - 110_000 / 8192..=10_000).contains(&worst.used), "{worst:?}");
    assert_eq!(shown(&mut table).destinations.len(), 20);
}

#[test]
fn namespaces_beyond_the_bound_share_the_worst_of_their_ports() {
    let mut table = Table::new(Limits { namespaces: 2, ..LIMITS });
    table.begin_pass(Nanos::ZERO);
    for netns in [NETNS, 1, 2, 3] {
        table.pass_facts(facts(netns, "40000 40009", [0, 0]));
        for sk in 0..netns % 7 {
            let end = client(
                u64::from(netns) * 10 + u64::from(sk),
                40_000 + u16::try_from(sk).unwrap(),
                [10, 0, 0, 1],
                1,
            );
            table.pass_socket(&entry(Endpoints { netns, ..end }, ESTABLISHED, 0));
        }
    }
    table.end_pass(MS, &reads([NETNS, 1, 2, 3]));
    let places: Vec<_> =
        shown(&mut table).ports.iter().map(|place| (place.netns, place.used)).collect();
    assert_eq!(places, [(NETNS, NETNS % 7), (3, 3), (0, 2)]);
}

fn refusals(table: &mut Table, at: u64, read: &[(u32, [u64; 2])]) -> Vec<(u32, u64, u64)> {
    table.begin_pass(at * SECOND);
    for (netns, counts) in read {
        table.pass_facts(facts(*netns, "1 2", *counts));
    }
    let namespaces = read.iter().map(|(netns, _)| *netns).collect();
    table.end_pass(at * SECOND, &Covered { namespaces, ..Covered::default() });
    let shown = shown(table);
    assert!(
        shown.netstat.iter().all(|counts| counts.segments_sent == 10 * counts.drops),
        "{:?}",
        shown.netstat
    );
    shown
        .netstat
        .iter()
        .map(|Netstat { netns, overflows, drops, .. }| (*netns, *overflows, *drops))
        .collect()
}

#[test]
fn refusals_count_from_the_agents_start_and_outlive_their_namespace() {
    let mut table = Table::new(Limits { namespaces: 2, ..LIMITS });
    assert_eq!(refusals(&mut table, 0, &[(1, [100, 200])]), [(1, 0, 0)]);
    assert_eq!(
        refusals(&mut table, 1, &[(1, [103, 205]), (2, [4, 4])]),
        [(1, 3, 5), (2, 4, 4)],
        "a new namespace counts from its birth"
    );
    assert_eq!(
        refusals(&mut table, 2, &[(2, [4, 4])]),
        [(1, 3, 5), (2, 4, 4)],
        "gone, not forgotten"
    );
    assert_eq!(
        refusals(&mut table, 3, &[(2, [1, 1])]),
        [(1, 3, 5), (2, 5, 5)],
        "another namespace has its inode"
    );
    assert_eq!(
        refusals(&mut table, 4, &[(2, [1, 1]), (3, [7, 9])]),
        [(2, 5, 5), (3, 7, 9), (0, 3, 5)],
        "evicted, folded"
    );
    assert_eq!(
        refusals(&mut table, 5, &[(2, [1, 1]), (3, [7, 9]), (4, [1, 2])]),
        [(2, 5, 5), (3, 7, 9), (0, 4, 7)],
        "no place"
    );
}
