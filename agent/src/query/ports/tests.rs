//! Tests of the answer of `ports` and of its text.

use super::holders::is_any;
use super::*;
use crate::conn::States;
use crate::listing::tests::shared;
use crate::listing::walk;

fn destination(peer: [u8; 4], peer_port: u16) -> Destination {
    let mapped = |[a, b, c, d]: [u8; 4]| std::net::Ipv4Addr::new(a, b, c, d).to_ipv6_mapped();
    Destination {
        netns: 2,
        local: mapped([10, 0, 0, 1]),
        peer: mapped(peer),
        peer_port,
        used: 3,
        time_wait: 2,
        range: 28_232,
        tw_reuse: Some(2),
    }
}

#[test]
fn the_worst_destination_is_a_line_with_its_share() {
    let holder = |process: &str, pid, connections| PortHolder {
        process: process.into(),
        pid,
        workload: "host".into(),
        connections,
    };
    let worst = PortUse {
        netns: 77,
        local_address: [10, 0, 0, 1].into(),
        peer_address: [10, 0, 0, 9].into(),
        peer_port: 5432,
        used: 27_000,
        time_wait: 26_000,
        range: 28_232,
        used_ratio: 0.956,
        exhausted: Some(InSeconds { from: 1490.0, about: 2380.0, to: Some(4180.0) }),
        tw_reuse: Some(2),
        processes: vec![holder("orders-api", Some(4711), 990), holder("x\u{7}", None, 7)],
        connections_of_other_processes: 3,
        ..PortUse::default()
    };
    let any = PortUse {
        peer_address: Ipv6Addr::UNSPECIFIED.into(),
        peer_port: 0,
        bind_before_connect: true,
        exhausted: None,
        processes: Vec::new(),
        connections_of_other_processes: 0,
        ..worst.clone()
    };
    let answer = Ports {
        known: 9,
        returned: 2,
        truncated: true,
        destinations: vec![worst, any],
        ..Ports::default()
    };
    let mut page = String::new();
    PortsQuery::write(&answer, &View::default(), &mut page);
    assert_eq!(
        page,
        " USED%    USED  TIME_WAIT   RANGE       NETNS  FROM -> TO
 95.6%   27000      26000   28232          77  10.0.0.1 -> 10.0.0.9:5432; all are \
taken in about 40m (25m to 1h10m)
           990  orders-api (pid 4711, host)
             7  x\\u{7} (pid -, host)
             3  other processes
 95.6%   27000      26000   28232          77  10.0.0.1 -> any destination (bind before connect)
2 of 9 destinations shown; --limit shows others
"
    );
    page.clear();
    PortsQuery::write(&Ports::default(), &View::default(), &mut page);
    assert_eq!(page, "no connection has taken a port of the ephemeral range\n");
}

#[test]
fn a_destination_names_the_processes_whose_connections_hold_its_ports() {
    // Connection 7 of the table is in namespace 2, of process app0, to port 5432.
    let destinations = [
        destination([10, 0, 0, 7], 5432),
        destination([10, 0, 0, 7], 5433),
        destination([0; 4], 0),
    ];
    let table = shared(9);
    let found: Vec<_> = Holders::of(&table, &destinations).finish().collect();
    let app0 = PortHolder {
        process: "app0".into(),
        pid: Some(100),
        workload: "host".into(),
        connections: 1,
    };
    assert_eq!(found[0], (vec![app0], 0));
    assert_eq!(found[1], (vec![], 0), "another port of the same peer");
    assert_eq!(found[2], (vec![], 0), "connect chose all ports");
    let any = PortUse::of(&destinations[2], (Vec::new(), 4));
    assert!(any.bind_before_connect && is_any(&destinations[2]));
    assert_eq!((any.connections_of_other_processes, any.used_ratio), (4, 0.0));
    assert!(!PortUse::of(&destinations[0], (Vec::new(), 0)).bind_before_connect);
}

#[test]
fn what_bind_took_counts_for_all_destinations_and_a_server_for_none() {
    let mut row = None;
    walk::rows(&shared(2), States::ALL, |one| row = Some(one));
    let mut row = row.unwrap();
    row.netns = 2;
    let any = destination([0; 4], 0);
    assert!(!holders::takes_port(&row, &any));
    row.activity.bound = true;
    assert!(holders::takes_port(&row, &any));
    row.role = catalogue::labels::Role::Server;
    assert!(!holders::takes_port(&row, &any));
}

#[test]
fn the_processes_with_the_most_connections_are_shown_and_the_rest_adds_up() {
    // All to one destination, in two namespaces: of each process five or six in this one.
    let table = shared(77);
    let mut all = destination([0; 4], 0);
    let mut counts = holders::Counts::default();
    walk::rows(&table, States::ALL, |row| {
        if row.netns == all.netns {
            counts.add(&row);
        }
    });
    all.used = 39;
    let (shown, others) = counts.finish();
    let pids: Vec<_> = shown.iter().map(|holder| (holder.pid, holder.connections)).collect();
    assert_eq!(pids[0], (Some(100), 6));
    assert_eq!(pids.len(), 5);
    let sum: u64 = shown.iter().map(|holder| holder.connections).sum();
    assert_eq!(sum + others, u64::from(all.used));
}
