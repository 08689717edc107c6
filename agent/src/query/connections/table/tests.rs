//! What the table of connections shows, and of groups.

use super::columns::{local, peer, state};
use super::groups::what;
use super::*;
use crate::listing::answer::Connection;
use crate::listing::group::{Group, Grouped};

fn connection(process: &str) -> Connection {
    Connection {
        state: "close_wait".into(),
        stage: Some("read".into()),
        age_seconds: 11_530.2,
        age_at_least: true,
        process: process.into(),
        pid: Some(4711),
        workload: "orders.service".into(),
        role: "client".into(),
        local_address: [10, 0, 0, 1].into(),
        local_port: 40000,
        peer_address: [10, 0, 0, 9].into(),
        peer_port: 5432,
        ..Connection::default()
    }
}

#[test]
fn the_table_is_aligned_and_says_what_it_leaves_out() {
    let known = Connection {
        idle_seconds: Some(61.5),
        peer_process: Some("postgres".into()),
        ..connection("orders-api")
    };
    let connections = vec![known, Connection { pid: None, ..connection("x") }];
    let answer = Connections {
        tracked: 900,
        matched: 412,
        returned: 2,
        truncated: true,
        next: Some("age.desc.0".into()),
        connections,
        ..Connections::default()
    };
    let mut page = String::new();
    write(&answer, &View::default(), &mut page);
    assert_eq!(
        page,
        "\
STATE                 AGE  IDLE  PROCESS      PID  WORKLOAD        ROLE    \
LOCAL           PEER                      RETRANS
close_wait (read)  3h12m+  1m1s  orders-api  4711  orders.service  client  \
10.0.0.1:40000  10.0.0.9:5432 (postgres)        0
close_wait (read)  3h12m+     -  x              -  orders.service  client  \
10.0.0.1:40000  10.0.0.9:5432                   0
2 of 412 connections that match shown, of 900; --limit and filters show others
the next: --after age.desc.0
"
    );
}

#[test]
fn a_listener_shows_its_backlog() {
    let listener = Connection {
        state: "listen".into(),
        stage: None,
        receive_queue: 129,
        send_queue: 128,
        ..connection("orders-api")
    };
    assert_eq!(state(&listener).text, "listen (backlog 129/128)");
    assert_eq!(state(&Connection { state: "syn_sent".into(), ..listener }).text, "syn_sent");
}

#[test]
fn the_other_side_of_nat_stands_behind_what_it_translates() {
    let seen = Connection {
        nat_local_address: Some([10, 96, 0, 10].into()),
        nat_local_port: Some(80),
        ..connection("orders-api")
    };
    assert_eq!(local(&seen).text, "10.0.0.1:40000 (as 10.96.0.10:80)");
    assert_eq!(peer(&seen).text, "10.0.0.9:5432");
    let behind = Connection {
        nat_peer_address: Some([10, 1, 2, 3].into()),
        nat_peer_port: Some(5433),
        ..connection("orders-api")
    };
    assert_eq!(peer(&behind).text, "10.0.0.9:5432 (10.1.2.3:5433)");
    let known = Connection { peer_process: Some("postgres".into()), ..behind };
    assert_eq!(peer(&known).text, "10.0.0.9:5432 (postgres at 10.1.2.3:5433)");
    assert_eq!(local(&known).text, "10.0.0.1:40000");
}

#[test]
fn a_subflow_shows_the_state_of_its_mptcp_connection_if_that_is_another() {
    let shown = |mptcp: &str| {
        let (established, mptcp_state) = ("established".into(), Some(mptcp.into()));
        let one = Connection { state: established, stage: None, ..connection("x") };
        state(&Connection { mptcp_state, ..one }).text
    };
    assert_eq!(shown("close_wait"), "established (mptcp close_wait)");
    assert_eq!(shown("established"), "established (mptcp)");
    assert_eq!(shown("a\nb"), "established (mptcp a\\nb)");
}

#[test]
fn groups_are_a_table_with_what_they_have_in_common() {
    let group = |connections| Group {
        connections,
        oldest_age_seconds: 61.0,
        oldest_age_at_least: true,
        idle_60: 7,
        bytes_sent: 1024,
        ..Group::default()
    };
    let peer = Some([10, 0, 0, 9].into());
    let groups = vec![
        Group { peer_address: peer, peer_port: Some(5432), ..group(40) },
        Group { peer_address: peer, ..group(2) },
    ];
    let others = Group { oldest_age_at_least: false, ..group(3) };
    let (by, known) = ("peer".to_owned(), 5);
    let grouped = Grouped { by, known, returned: 2, truncated: true, groups, others };
    let answer =
        Connections { tracked: 90, matched: 45, grouped: Some(grouped), ..Default::default() };
    let mut page = String::new();
    write(&answer, &View::default(), &mut page);
    assert_eq!(
        page,
        "\
PEER           CONNS  OLDEST  IDLE>1m  IDLE>5m  IDLE>1h  SENT  RECEIVED
10.0.0.9:5432     40   1m1s+        7        0        0  1024         0
10.0.0.9           2   1m1s+        7        0        0  1024         0
all others         3    1m1s        7        0        0  1024         0
2 of 5 groups shown; 45 of 90 connections match
"
    );
    let process = Group { process: Some("a\u{1b}".into()), workload: None, ..group(1) };
    assert_eq!(what(&process), "a\\u{1b} ()");
    let port = Group { service_port: Some(0), role: Some("unknown".into()), ..group(1) };
    assert_eq!(what(&port), "- (unknown)");
}

#[test]
fn a_name_cannot_control_the_terminal_or_break_the_line() {
    let evil = "a\u{1b}]0;x\u{7}\nb\u{202e}";
    let connections =
        vec![Connection { state: evil.into(), workload: evil.into(), ..connection(evil) }];
    let mut page = String::new();
    write(
        &Connections { matched: 1, returned: 1, connections, ..Connections::default() },
        &View::default(),
        &mut page,
    );
    assert_eq!(page.lines().count(), 3);
    assert!(
        !page.chars().any(|c| crate::events::names::controls_terminal(c) && c != '\n'),
        "{page:?}"
    );
}
