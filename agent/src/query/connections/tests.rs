//! Tests of the filters, the order and the answer of `connections`.

use std::net::IpAddr;
use std::time::Duration;

use agent_common::record::{Endpoints, State};
use agent_common::tcp;
use proptest::prelude::{prop_oneof, proptest};
use proptest::strategy::Just;

use super::*;
use crate::listing::filter::Pattern;
use crate::listing::tests::shared;
use crate::query::parameter::read;

const SECOND: u64 = 1_000_000_000;

fn connections(table: &SharedTable, query: &ConnectionsQuery, now: u64) -> Connections {
    super::connections(table, &Nat::default(), query, now)
}

fn asked(text: &str) -> ConnectionsQuery {
    read(form_urlencoded::parse(text.as_bytes()))
        .unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

#[test]
fn values_of_one_parameter_are_alternatives_and_parameters_must_all_agree() {
    let table = shared(210);
    let matched = |text: &str| connections(&table, &asked(text), SECOND).matched;
    assert_eq!(matched(""), 210);
    assert_eq!(matched("state=close_wait"), 70);
    assert_eq!(matched("state=CLOSE-WAIT,established"), 210);
    assert_eq!(matched("state=close_wait&state=listen"), 70);
    assert_eq!(
        (matched("stage=unread"), matched("stage=read,unaccepted")),
        (70, 0),
        "a FIN that has just come is unread"
    );
    assert_eq!(matched("process=app1"), 30);
    assert_eq!(matched("process=app1&process=app2"), 60);
    assert_eq!(matched("process=app*&netns=1"), 105);
    assert_eq!(matched("process=app1&state=close_wait"), 10);
    assert_eq!(matched("pid=101,102"), 60);
    assert_eq!(matched("port=40000"), 210);
    assert_eq!(matched("port=5432"), 42);
    assert_eq!(matched("service_port=40000"), 0);
    assert_eq!(matched("service_port=5432"), 42);
    assert_eq!(matched("role=server"), 0);
    assert_eq!(matched("owner=exact&role=client"), 210);
    assert_eq!(
        (matched("workload=host"), matched("workload=h*"), matched("workload=nginx.service")),
        (210, 210, 0)
    );
    assert_eq!(matched("peer=10.0.0.0/25"), 127);
    assert_eq!(matched("peer=10.0.0.7"), 1);
    assert_eq!(matched("peer=10.0.0.7:5432"), 1);
    assert_eq!(matched("peer=10.0.0.7:5433"), 0);
    assert_eq!(
        matched("local=10.0.0.1&peer=::/0"),
        0,
        "an IPv4 address is not in a block of IPv6 addresses"
    );
    assert_eq!(
        matched("local=::ffff:10.0.0.0/104"),
        210,
        "a block of v4-mapped addresses is one of IPv4 addresses"
    );
}

#[test]
fn an_age_is_that_in_the_state_to_the_nanosecond() {
    let table = shared(10);
    let matched = |now| connections(&table, &asked("min_age=5s"), now).matched;
    assert_eq!(
        (
            matched(5 * SECOND + 999_999),
            matched(5 * SECOND + 1_000_000),
            matched(5 * SECOND + 10_000_000)
        ),
        (0, 1, 10)
    );
}

#[test]
fn an_answer_is_sorted_capped_and_says_so() {
    let table = shared(2000);
    let answer = connections(&table, &asked("limit=3"), 100 * SECOND);
    assert_eq!(
        (answer.tracked, answer.matched, answer.returned, answer.truncated),
        (2000, 2000, 3, true)
    );
    let ages = |text: &str| {
        connections(&table, &asked(text), 100 * SECOND)
            .connections
            .iter()
            .map(|c| c.age_seconds)
            .collect::<Vec<_>>()
    };
    assert_eq!(ages("limit=3"), [99.999, 99.998, 99.997], "the oldest come first");
    assert_eq!(ages("limit=2&order=asc"), [98.0, 98.001]);
    let by = |text: &str| connections(&table, &asked(text), 100 * SECOND).connections;
    assert!(by("sort=process&limit=400").windows(2).all(|pair| pair[0].process <= pair[1].process));
    assert!(
        by("sort=port&order=desc&limit=900")
            .windows(2)
            .all(|pair| pair[0].service_port >= pair[1].service_port)
    );
    assert_eq!(by("sort=peer&limit=1")[0].peer_address, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(by("sort=state&limit=1")[0].state, "close_wait");
    assert_eq!(by("").len(), ConnectionsQuery::default().limit);
    assert!(!connections(&table, &asked("limit=1000&state=close_wait"), SECOND).truncated);
}

/// Closes an established connection after a second.
fn close(table: &SharedTable, sk: u64, netns: u32) {
    let ends = Endpoints { sk, netns, ..Endpoints::default() };
    let (old, new) = (tcp::ESTABLISHED, tcp::CLOSE);
    let close = State { kind: 1, old, new, time: SECOND, ends, ..State::default() };
    crate::ingest::lock(table).transition(&close);
}

#[test]
fn a_walk_past_free_places_ends() {
    let table = shared(3000);
    for sk in (1..=3000_u64).filter(|sk| sk % 10 != 0) {
        close(&table, sk, 1);
    }
    let answer = connections(&table, &asked(""), SECOND);
    assert_eq!((answer.matched, answer.tracked), (300, 300));
}

#[test]
fn a_comma_is_part_of_a_name() {
    assert_eq!(asked("process=a%2Cb").filter.processes, [Pattern::new("a,b")]);
    assert!(
        Pattern::new("a*").matches("abc")
            && !Pattern::new("a*").matches("ba")
            && Pattern::new("*").matches("")
    );
}

#[test]
fn what_is_told_of_a_connection_is_what_its_row_says() {
    let table = shared(3);
    let third =
        connections(&table, &asked("state=close_wait"), 63_003_000_000).connections.remove(0);
    assert_eq!(
        (third.state.as_str(), third.role.as_str(), third.owner.as_str()),
        ("close_wait", "client", "exact")
    );
    assert_eq!(
        (third.process.as_str(), third.pid, third.workload.as_str()),
        ("app3", Some(103), "host")
    );
    assert_eq!(
        (third.age_seconds, third.age_at_least, third.connection_age_at_least),
        (63.0, false, false)
    );
    assert_eq!(
        (third.local_address, third.peer_address),
        (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 3]))
    );
    assert_eq!(
        (third.local_port, third.peer_port, third.service_port, third.netns),
        (40_000, 5433, 5433, 2)
    );
    let json = serde_json::to_value(&third).unwrap();
    assert_eq!(json["peer_address"], "10.0.0.3");
    assert_eq!(serde_json::from_value::<Connection>(json).unwrap(), third);
}

#[test]
fn the_other_end_is_named_where_it_is_a_row_too() {
    let table = shared(2);
    let alone = connections(&table, &asked(""), SECOND).connections.remove(0);
    assert_eq!((alone.peer_process, alone.peer_pid, alone.peer_state), (None, None, None));
    let mut comm = [0; 16];
    comm[..6].copy_from_slice(b"server");
    let mut server = State {
        kind: 1,
        old: tcp::CLOSE,
        new: tcp::SYN_SENT,
        time: 1,
        tgid: 900,
        comm,
        flags: agent_common::record::flag::LOCKED,
        ..State::default()
    };
    let address = |last| [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, last])];
    server.ends = Endpoints {
        sk: 9,
        cgroup: 1,
        local: address(2),
        peer: address(1),
        netns: 1,
        local_port: 5432,
        peer_port: 40_000,
    };
    crate::ingest::lock(&table).transition(&server);
    let named = connections(&table, &asked("peer=10.0.0.2"), SECOND).connections.remove(0);
    assert_eq!(
        (named.peer_process.as_deref(), named.peer_pid, named.peer_workload.as_deref()),
        (Some("server"), Some(900), Some("host"))
    );
    assert_eq!(named.peer_state.as_deref(), Some("syn_sent"));
}

proptest! {
    #[test]
    fn every_limit_keeps_the_first_of_the_whole_order(
        limit in 1_usize..50,
        sort in prop_oneof![Just("age"), Just("pid"), Just("peer"), Just("process"), Just("state")],
        order in prop_oneof![Just("asc"), Just("desc")],
    ) {
        let table = shared(60);
        let first = |limit: usize| {
            let query = asked(&format!("limit={limit}&sort={sort}&order={order}"));
            connections(&table, &query, SECOND).connections
        };
        assert_eq!(first(limit), first(1000)[..limit]);
    }
}

#[test]
fn pages_together_are_the_whole_list_whatever_opens_and_closes() {
    let table = shared(50);
    for sort in ["age", "process", "peer", "state", "idle", "receive_queue"] {
        let whole = connections(&table, &asked(&format!("sort={sort}")), SECOND).connections;
        let (mut paged, mut next, mut answers) = (Vec::new(), String::new(), 0);
        loop {
            let text = format!("sort={sort}&limit=7{next}");
            let mut page = connections(&table, &asked(&text), SECOND);
            assert_eq!(page.skipped, u64::try_from(paged.len()).unwrap());
            assert_eq!(page.truncated, page.next.is_some());
            paged.append(&mut page.connections);
            answers += 1;
            let Some(cursor) = page.next else { break };
            next = format!("&after={cursor}");
        }
        assert_eq!((paged, answers), (whole, 8), "{sort}");
    }
    // The oldest goes: an answer behind the second goes on with the third.
    let first = connections(&table, &asked("limit=2"), SECOND);
    close(&table, 1, 2);
    let after = format!("limit=1&after={}", first.next.unwrap());
    let second = connections(&table, &asked(&after), SECOND);
    assert_eq!(second.connections[0].peer_address, IpAddr::from([10, 0, 0, 3]));
    assert_eq!((second.matched, second.skipped), (49, 1));
}

#[test]
fn a_cursor_brings_its_order_and_a_wrong_one_is_refused() {
    let table = shared(9);
    let first = connections(&table, &asked("sort=peer&order=desc&limit=1"), SECOND);
    let after = format!("limit=1&after={}", first.next.unwrap());
    let second = connections(&table, &asked(&after), SECOND).connections.remove(0);
    assert_eq!(second.peer_address, IpAddr::from([10, 0, 0, 8]));
    for wrong in ["", "age", "age.desc.x.1.1", "size.asc.1.1.1", "state.asc.open.1.1"] {
        let refusal = read::<ConnectionsQuery, _, _>([("after", wrong)]).unwrap_err();
        assert_eq!(refusal.parameter, "after");
    }
}

#[test]
fn groups_count_what_matches_instead_of_listing_it() {
    let table = shared(70);
    let answer = connections(&table, &asked("group_by=process&limit=2&port=5432"), SECOND);
    let grouped = answer.grouped.unwrap();
    assert_eq!((answer.matched, answer.tracked, answer.connections.len()), (14, 70, 0));
    let shown: u64 = grouped.groups.iter().map(|group| group.connections).sum();
    assert_eq!((shown + grouped.others.connections, grouped.groups.len()), (14, 2));
    let listed = connections(&table, &asked(""), SECOND);
    assert!(serde_json::to_value(&listed).unwrap().get("grouped").is_none());
    assert!(read::<ConnectionsQuery, _, _>([("group_by", "pid")]).is_err());
}

#[test]
fn the_filter_that_asks_for_nothing_takes_everything() {
    assert_eq!(asked("").filter, Filter::ALL);
    assert_eq!(Filter::ALL.min_age, Duration::ZERO);
}
