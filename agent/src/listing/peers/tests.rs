//! The other ends of connections within the machine, through NAT and without.

use std::sync::Mutex;

use agent_common::record::{Endpoints, State, flag};
use agent_common::tcp;

use super::*;
use crate::conn::{Limits, Table};

/// Namespace, local end, peer end.
type Line = (u32, ([u8; 4], u16), ([u8; 4], u16));

const HOST: [u8; 4] = [10, 0, 0, 1];
const POD: [u8; 4] = [10, 0, 0, 2];
const LOOP: [u8; 4] = [127, 0, 0, 1];

fn words(address: [u8; 4]) -> [u64; 2] {
    let [a, b, c, d] = address;
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])]
}

/// Returns a table with one connect a line. The socket of line `n`, from 1 on, belongs to
/// process `app<n>` with the id `100 + n`.
fn table(rows: &[Line]) -> (SharedTable, Vec<RowView>) {
    let mut table = Table::new(Limits::default());
    for (number, (netns, local, peer)) in (1_u32..).zip(rows) {
        let ends = Endpoints {
            sk: number.into(),
            cgroup: 1,
            local: words(local.0),
            peer: words(peer.0),
            netns: *netns,
            local_port: local.1,
            peer_port: peer.1,
        };
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(format!("app{number}").as_bytes());
        table.transition(&State {
            kind: 1,
            time: number.into(),
            ends,
            flags: flag::LOCKED,
            tgid: 100 + number,
            comm,
            old: tcp::CLOSE,
            new: tcp::SYN_SENT,
            ..State::default()
        });
    }
    let table = Arc::new(Mutex::new(table));
    let mut rows = Vec::new();
    walk::rows(&table, States::ALL, |row| rows.push(row));
    rows.sort_by_key(|row| row.sk);
    (table, rows)
}

/// Returns the process id of each row's peer, 0 for none.
fn found(rows: &[Line]) -> Vec<u32> {
    let (table, rows) = table(rows);
    let peers = Peers::of(&table, &rows, &[]);
    rows.iter().map(|row| peers.get(row, None).and_then(|peer| peer.pid).unwrap_or(0)).collect()
}

#[test]
fn both_ends_on_one_machine_find_each_other_and_an_end_elsewhere_is_none() {
    let (client, server) = ((LOOP, 40_000), (LOOP, 5432));
    let away = ([10, 9, 9, 9], 5432);
    assert_eq!(
        found(&[(1, client, server), (1, server, client), (1, (HOST, 40_000), away)]),
        [102, 101, 0]
    );
    let (table, rows) = table(&[(1, client, server), (1, server, client)]);
    let peers = Peers::of(&table, &rows[..1], &[]);
    let peer = peers.get(&rows[0], None).unwrap();
    assert_eq!((&*peer.process, &*peer.workload), ("app2", "host"));
    assert_eq!((peer.pid, peer.state), (Some(102), SocketState::SynSent));
}

#[test]
fn ends_in_two_namespaces_are_joined_unless_the_address_is_loopback() {
    let (pod, host) = ((POD, 40_000), (HOST, 80));
    assert_eq!(found(&[(2, pod, host), (1, host, pod)]), [102, 101]);
    let (client, server) = ((LOOP, 40_000), (LOOP, 80));
    assert_eq!(found(&[(2, client, server), (1, server, client)]), [0, 0]);
}

#[test]
fn the_same_namespace_comes_first_and_a_doubt_is_no_answer() {
    let (client, server) = ((LOOP, 40_000), (LOOP, 80));
    let twice =
        [(1, client, server), (2, client, server), (2, server, client), (1, server, client)];
    assert_eq!(found(&twice), [104, 103, 102, 101]);
    let (pod, host) = ((POD, 40_000), (HOST, 80));
    assert_eq!(
        found(&[(2, pod, host), (3, pod, host), (1, host, pod)]),
        [0, 0, 0],
        "one of two pods with the same address"
    );
    assert_eq!(
        found(&[(1, pod, host), (3, pod, host), (1, host, pod)]),
        [103, 0, 101],
        "the other pod has no claim on what is joined"
    );
}

#[test]
fn a_socket_connected_to_itself_is_its_own_peer() {
    assert_eq!(found(&[(1, (LOOP, 40_000), (LOOP, 40_000))]), [101]);
}

#[test]
fn memory_follows_the_rows_asked_for() {
    let (client, server) = ((LOOP, 40_000), (LOOP, 80));
    let (table, rows) = table(&[(1, client, server), (2, client, server), (3, client, server)]);
    let peers = Peers::of(&table, &rows[..1], &[]);
    let met = peers.0.values().next().unwrap();
    assert_eq!((peers.0.len(), met.same.len()), (1, 1));
    assert!(Peers::of(&table, &[], &[]).0.is_empty());
    assert_eq!(peers.get(&rows[2], None), None);
}

/// Returns the process id of the first row's peer, 0 for none, if it has these ends on the other
/// side of NAT.
fn found_beyond(rows: &[Line], (local, peer): (([u8; 4], u16), ([u8; 4], u16))) -> u32 {
    let end = |(address, port): ([u8; 4], u16)| {
        (std::net::Ipv4Addr::from(address).to_ipv6_mapped(), port)
    };
    let beyond = nat::Ends { local: end(local), peer: end(peer) };
    let (table, rows) = table(rows);
    let peers = Peers::of(&table, &rows[..1], &[Some(beyond)]);
    peers.get(&rows[0], Some(beyond)).and_then(|peer| peer.pid).unwrap_or(0)
}

#[test]
fn ends_that_nat_translates_find_each_other() {
    let (client, virtual_end, backend) = ((POD, 40_000), ([10, 96, 0, 10], 80), (HOST, 8080));
    let rows = [(2, client, virtual_end), (1, backend, client)];
    assert_eq!(found_beyond(&rows, (client, backend)), 102, "of the client");
    let rows = [(1, backend, client), (2, client, virtual_end)];
    assert_eq!(found_beyond(&rows, (virtual_end, client)), 102, "of the server");
    assert_eq!(found(&rows), [0, 0], "without the translation");
    let masqueraded = ([10, 0, 0, 9], 50_000);
    let rows = [(2, client, virtual_end), (1, backend, masqueraded)];
    assert_eq!(found_beyond(&rows, (masqueraded, backend)), 102, "behind two translations");
    let local = [(1, client, virtual_end), (1, (LOOP, 15_001), client)];
    assert_eq!(found_beyond(&local, (client, (LOOP, 15_001))), 102, "redirected to loopback");
}

#[test]
fn a_doubt_behind_nat_is_no_answer() {
    let (client, virtual_end, backend) = ((POD, 40_000), ([10, 96, 0, 10], 80), (HOST, 8080));
    let beyond = (client, backend);
    let asked = (2, client, virtual_end);
    assert_eq!(found_beyond(&[asked, (1, backend, client), (3, backend, client)], beyond), 0);
    assert_eq!(found_beyond(&[asked, (2, backend, client), (3, backend, client)], beyond), 102);
    let has_a_peer = [asked, (1, backend, client), (3, client, backend)];
    assert_eq!(found_beyond(&has_a_peer, beyond), 0, "its peer is there without NAT");
    let elsewhere = [asked, (1, (LOOP, 15_001), client)];
    assert_eq!(found_beyond(&elsewhere, (client, (LOOP, 15_001))), 0, "another's loopback");
    let direct = [asked, (2, virtual_end, client), (1, backend, client)];
    assert_eq!(found_beyond(&direct, beyond), 102, "what has its very ends comes first");
}
