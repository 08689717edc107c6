use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_common::record::{Endpoints, State, flag};
use agent_common::tcp;
use proptest::prelude::{any, prop_oneof, proptest};
use proptest::strategy::Just;

use super::filter::{End, Filter, Pattern};
use super::query::{OF_CONNECTIONS, OF_LEAKS, Order, Query, Sort};
use super::*;
use crate::conn::{Limits, Table};

const SECOND: u64 = 1_000_000_000;

/// A table with clients `1..=count`, one a millisecond, all of process `app<number % 7>`; every
/// third has been closed by its peer.
pub(crate) fn shared(count: u32) -> SharedTable {
    let mut table = Table::new(Limits::default());
    for number in 1..=count {
        let time = u64::from(number) * 1_000_000;
        let local = [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, 1])];
        let [a, b, c, d] = number.to_be_bytes();
        let peer = [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10 + a, b, c, d])];
        let port = u16::try_from(number % 5).unwrap() + 5430;
        let ends = Endpoints {
            sk: number.into(),
            cgroup: 1,
            local,
            peer,
            netns: 1 + number % 2,
            local_port: 40_000,
            peer_port: port,
        };
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(format!("app{}", number % 7).as_bytes());
        let record = State {
            kind: 1,
            time,
            ends,
            flags: flag::OWNED,
            tgid: 100 + number % 7,
            comm,
            ..State::default()
        };
        table.transition(&State { old: tcp::CLOSE, new: tcp::SYN_SENT, ..record });
        table.transition(&State { old: tcp::SYN_SENT, new: tcp::ESTABLISHED, flags: 0, ..record });
        if number % 3 == 0 {
            table.transition(&State {
                old: tcp::ESTABLISHED,
                new: tcp::CLOSE_WAIT,
                flags: flag::ATTACHED,
                ..record
            });
        }
    }
    Arc::new(Mutex::new(table))
}

fn asked(text: &str) -> Query {
    Query::connections(form_urlencoded::parse(text.as_bytes()))
        .unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

fn refused(text: &str) -> String {
    Query::connections(form_urlencoded::parse(text.as_bytes())).unwrap_err().to_string()
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
    assert_eq!(by("").len(), query::CONNECTIONS);
    assert!(!connections(&table, &asked("limit=1000&state=close_wait"), SECOND).truncated);
}

#[test]
fn a_large_table_is_read_in_slices_and_only_the_first_rows_are_kept() {
    const ROWS: u32 = 100_000;
    let table = shared(ROWS);
    let mut select = Select::new(Sort::Age, Order::Descending, 10);
    let mut free = 0;
    let walked = walk::rows(&table, crate::conn::States::ALL, |row| {
        // Others get at the table between any two rows that are shown.
        free += u32::from(table.try_lock().is_ok());
        select.offer(row);
        assert!(select.kept() <= 10, "memory follows the limit");
    });
    assert_eq!(
        (walked.seen, free),
        (u64::from(ROWS), ROWS),
        "the table is not held while rows are judged"
    );
    assert_eq!(walked.slices, u64::from(ROWS.div_ceil(walk::PLACES)));
    assert_eq!(select.offered(), u64::from(ROWS));
    assert_eq!(
        select.finish().iter().map(|row| row.sk).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
}

#[test]
fn a_walk_past_free_places_ends() {
    let table = shared(3000);
    for sk in (1..=3000_u64).filter(|sk| sk % 10 != 0) {
        let ends = Endpoints { sk, netns: 1, ..Endpoints::default() };
        let close = State {
            kind: 1,
            old: tcp::ESTABLISHED,
            new: tcp::CLOSE,
            time: SECOND,
            ends,
            ..State::default()
        };
        crate::ingest::lock(&table).transition(&close);
    }
    let answer = connections(&table, &asked(""), SECOND);
    assert_eq!((answer.matched, answer.tracked), (300, 300));
}

#[test]
fn a_refusal_names_the_parameter_its_value_and_what_is_allowed() {
    assert_eq!(
        refused("state=closewait,x"),
        "state is 'x': expected one of syn_sent, syn_recv, established, fin_wait1, fin_wait2, close_wait, last_ack, closing, listen"
    );
    assert!(
        refused("stat=x")
            .starts_with("stat is 'x': expected one of the parameters state, process, workload, ")
    );
    assert_eq!(refused("limit=0"), "limit is '0': expected a whole number from 1 to 1000");
    assert_eq!(refused("limit=1001"), "limit is '1001': expected a whole number from 1 to 1000");
    assert_eq!(refused("limit=1&limit=2"), "limit is '2': expected one value only");
    assert!(refused("min_age=5x").contains("such as 90s, 5m"));
    assert_eq!(refused("port=65536"), "port is '65536': expected a port from 0 to 65535");
    assert_eq!(
        refused("port=+1").split(':').next(),
        Some("port is ' 1'"),
        "a plus is a blank in a request"
    );
    assert_eq!(refused("sort=size"), refused("sort=size&limit=1"));
    assert!(
        refused("sort=size")
            .contains("expected one of age, connection_age, process, pid, state, port,")
    );
    assert!(refused("peer=10.0.0.0/33").contains("a block of them (10.0.0.0/8)"));
    assert!(refused("peer=").contains("peer is ''"));
    assert!(refused("process=").contains("expected a name"));
    assert!(refused(&format!("pid={}", vec!["1"; 65].join(","))).contains("at most 64 values"));
    assert!(refused(&format!("pid={}", "x".repeat(5000))).len() < 300, "a refusal is short");
    assert!(
        Query::leaks([("sort", "age")]).is_err() && Query::leaks([("service_port", "1")]).is_ok()
    );
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

proptest! {
    #[test]
    fn any_query_is_answered_or_refused(text in ".{0,200}") {
        let _ = Query::connections(form_urlencoded::parse(text.as_bytes()));
        let _ = Query::leaks(form_urlencoded::parse(text.as_bytes()));
    }

    #[test]
    fn any_value_of_a_known_parameter_is_taken_or_refused_by_name(
        place in 0..OF_CONNECTIONS.len(),
        value in prop_oneof![".{0,40}", "[0-9:./\\[\\],a-f*-]{0,40}"],
    ) {
        let name = OF_CONNECTIONS[place].name;
        if let Err(refusal) = Query::connections([(name, value.as_str())]) {
            assert_eq!(refusal.parameter, name);
            assert!(!refusal.allowed.is_empty());
        }
        let leaks = Query::leaks([(name, value.as_str())]);
        assert!(leaks.is_err() || OF_LEAKS.iter().any(|parameter| parameter.name == name));
    }

    #[test]
    fn an_address_lies_in_its_own_blocks_only(bits in any::<u128>(), other in any::<u128>(), prefix in 0_u32..=128, port in any::<u16>()) {
        // Not v4-mapped: those are IPv4 addresses, see above.
        let address = std::net::Ipv6Addr::from_bits(bits | 1 << 127);
        let end: End = format!("{address}/{prefix}").parse().unwrap();
        assert!(end.holds(address.into(), port));
        let other = std::net::Ipv6Addr::from_bits(other);
        let same = prefix == 0 || (address.to_bits() ^ other.to_bits()) >> (128 - prefix) == 0;
        assert_eq!(end.holds(other.into(), port), same);
        let exact: End = format!("[{address}]:{port}").parse().unwrap();
        assert!(exact.holds(address.into(), port) && !exact.holds(address.into(), port.wrapping_add(1)));
    }

    #[test]
    fn every_limit_keeps_the_first_of_the_whole_order(
        limit in 1_usize..50,
        sort in prop_oneof![Just("age"), Just("pid"), Just("peer"), Just("process"), Just("state")],
        order in prop_oneof![Just("asc"), Just("desc")],
    ) {
        let table = shared(60);
        let all = connections(&table, &asked(&format!("limit=1000&sort={sort}&order={order}")), SECOND).connections;
        let some = connections(&table, &asked(&format!("limit={limit}&sort={sort}&order={order}")), SECOND).connections;
        assert_eq!(some, all[..limit]);
    }
}

#[test]
fn the_filter_that_asks_for_nothing_takes_everything() {
    assert_eq!(asked("").filter, Filter::ALL);
    assert_eq!(Filter::ALL.min_age, Duration::ZERO);
}
