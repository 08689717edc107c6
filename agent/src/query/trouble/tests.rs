//! Tests of what is counted, of the sentences, and of the cause on this machine.

use std::sync::Arc;

use agent_common::record::{
    Activity, Close, Endpoints, Retransmit, Socket, State, flag, kind, known,
};
use agent_common::tcp;

use super::*;
use crate::clock::monotonic;
use crate::conn::{Covered, Limits, Nanos, Table};
use crate::ingest::SharedTable;
use crate::leaks::Watch;
use crate::nat::Nat;
use crate::query::parameter::read;

const SECOND: u64 = 1_000_000_000;

fn words(last: u8) -> [u64; 2] {
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, last])]
}

fn ends(sk: u64, port: u16) -> Endpoints {
    Endpoints {
        sk,
        cgroup: 1,
        local: words(1),
        peer: words(9),
        netns: 1,
        local_port: 40_000,
        peer_port: port,
    }
}

fn connect(sk: u64, port: u16, time: u64) -> State {
    let mut comm = [0; 16];
    comm[..6].copy_from_slice(b"orders");
    State {
        kind: kind::STATE,
        old: tcp::CLOSE,
        new: tcp::SYN_SENT,
        time,
        ends: ends(sk, port),
        flags: flag::LOCKED,
        tgid: 4711,
        comm,
        ..State::default()
    }
}

fn close(sk: u64, port: u16, old: u8, err: u16, time: u64) -> Close {
    let state = State {
        kind: kind::CLOSE,
        old,
        new: tcp::CLOSE,
        time,
        err,
        ends: ends(sk, port),
        ..State::default()
    };
    Close { state, ..Close::default() }
}

fn open(table: &mut Table, sk: u64, port: u16, time: u64, took: u64) {
    let syn = connect(sk, port, time);
    table.transition(&syn);
    let opened = State { old: tcp::SYN_SENT, new: tcp::ESTABLISHED, time: time + took, ..syn };
    table.transition(&State { flags: 0, ..opened });
}

fn shared(table: Table) -> SharedTable {
    Arc::new(std::sync::Mutex::new(table))
}

fn asked(table: &SharedTable, text: &str, now: u64) -> Troubles {
    let query: TroubleQuery =
        read(form_urlencoded::parse(text.as_bytes())).unwrap_or_else(|why| panic!("{why}"));
    let (leaks, nat) = (Watch::default(), Nat::default());
    let source = Source { table: Arc::clone(table), leaks, nat, clock: monotonic };
    query.answer(&source, now)
}

fn sentences(answer: &Troubles) -> Vec<&str> {
    answer.troubles.iter().map(|line| line.sentence.as_str()).collect()
}

#[test]
fn connects_that_fail_are_a_sentence_with_reason_count_and_times() {
    let mut table = Table::new(Limits::default());
    for number in 1..=40 {
        let time = number * SECOND;
        table.transition(&connect(number, 5432, time));
        table.close(&close(number, 5432, tcp::SYN_SENT, 111, time + 1));
    }
    table.transition(&connect(99, 80, SECOND));
    table.close(&close(99, 80, tcp::SYN_SENT, 110, 2 * SECOND));
    let table = shared(table);
    let answer = asked(&table, "kind=failures", 761 * SECOND);
    assert_eq!(
        sentences(&answer),
        [
            "process orders (pid 4711, host) failed 40 connects to 10.0.0.9:5432: refused, first \
             12m39s ago, last 12m ago",
            "process orders (pid 4711, host) failed 1 connect to 10.0.0.9:80: timed out, \
             12m39s ago",
        ]
    );
    let first = &answer.troubles[0];
    assert_eq!((first.kind.as_str(), first.reason.as_deref()), ("failures", Some("refused")));
    assert_eq!((first.count, first.pid, first.port), (40, Some(4711), 5432));
    assert!(first.first_seen < first.last_seen && first.last_seen.ends_with('Z'), "{first:?}");
    assert_eq!(asked(&table, "service_port=80", 100 * SECOND).matched, 1);
    assert_eq!(asked(&table, "process=x", 100 * SECOND).matched, 0);
    assert_eq!(asked(&table, "peer=10.0.0.9:80", 100 * SECOND).matched, 1);
    assert_eq!(asked(&table, "since=10s", 761 * SECOND).matched, 0);
    assert_eq!(asked(&table, "kind=slow,resets,retransmits", 100 * SECOND).matched, 0);
}

#[test]
fn a_healthy_connection_is_in_no_trouble() {
    let mut table = Table::new(Limits::default());
    open(&mut table, 1, 80, SECOND, SECOND / 2);
    let mut wait = connect(1, 80, 3 * SECOND);
    (wait.old, wait.new) = (tcp::ESTABLISHED, tcp::FIN_WAIT1);
    table.transition(&wait);
    table.close(&close(1, 80, tcp::FIN_WAIT2, 0, 4 * SECOND));
    let table = shared(table);
    let answer = asked(&table, "", 5 * SECOND);
    assert_eq!((answer.matched, answer.left_out), (0, 0));
    let mut page = String::new();
    TroubleQuery::write(&answer, &View::default(), &mut page);
    assert_eq!(page, "no trouble\n");
}

#[test]
fn resets_and_slow_connects_say_by_whom_and_how_long() {
    let mut table = Table::new(Limits::default());
    open(&mut table, 1, 80, SECOND, 3 * SECOND);
    table.close(&close(1, 80, tcp::ESTABLISHED, 104, 5 * SECOND));
    open(&mut table, 2, 80, 6 * SECOND, SECOND / 10);
    table.close(&close(2, 80, tcp::ESTABLISHED, 0, 7 * SECOND));
    let table = shared(table);
    assert_eq!(
        sentences(&asked(&table, "", 10 * SECOND)),
        [
            "process orders (pid 4711, host) had 1 slow connect to 10.0.0.9:80: up to 3s, 6s ago",
            "process orders (pid 4711, host) had 1 connection to 10.0.0.9:80 broken off: reset by \
             this side, 3s ago",
            "process orders (pid 4711, host) had 1 connection to 10.0.0.9:80 broken off: reset by \
             the peer, 5s ago",
        ]
    );
}

#[test]
fn retransmitted_segments_count_while_the_connection_lives_and_after() {
    let mut table = Table::new(Limits::default());
    open(&mut table, 1, 80, SECOND, 1);
    table.retransmit(&Retransmit {
        kind: kind::RETRANSMIT,
        state: tcp::ESTABLISHED,
        ends: ends(1, 80),
        segments: 3,
        time: 2 * SECOND,
        ..Retransmit::default()
    });
    open(&mut table, 2, 80, SECOND, 1);
    let table = shared(table);
    let live = asked(&table, "kind=retransmits", 9 * SECOND);
    assert_eq!((live.matched, live.troubles[0].count), (1, 3));
    lock(&table).close(&close(1, 80, tcp::FIN_WAIT2, 0, 8 * SECOND));
    assert_eq!(
        sentences(&asked(&table, "", 9 * SECOND)),
        ["process orders (pid 4711, host) retransmitted 3 segments to 10.0.0.9:80: 1s ago"]
    );
}

/// A connect as a pass sees it, with so many segments that are not acknowledged.
fn waiting_connect(sk: u64, port: u16, unacknowledged: u32) -> Socket {
    Socket {
        state: tcp::SYN_SENT,
        ends: ends(sk, port),
        activity: Activity { known: known::UNACKNOWLEDGED, unacknowledged, ..Activity::default() },
        ..Socket::default()
    }
}

/// A pass over these sockets, two seconds into the test at the latest.
fn look(table: &mut Table, sockets: &[Socket]) {
    let begun = if table.view().rows().next().is_some() { 2 * SECOND } else { 1 };
    table.begin_pass(Nanos::new(begun));
    for socket in sockets {
        table.pass_socket(&Socket { time: begun + 1, ..*socket });
    }
    table.end_pass(Nanos::new(begun + 2), &Covered::default());
}

#[test]
fn a_connect_waits_for_an_answer_once_a_syn_of_it_is_known() {
    let mut table = Table::new(Limits::default());
    look(&mut table, &[]);
    for (sk, port) in [(1, 81), (2, 82), (3, 83)] {
        table.transition(&connect(sk, port, SECOND));
    }
    // With TCP Fast Open it may wait for the first write.
    look(&mut table, &[waiting_connect(1, 81, 0), waiting_connect(2, 82, 1)]);
    let answer = asked(&shared(table), "kind=slow", 9 * SECOND);
    assert_eq!(
        sentences(&answer),
        ["process orders (pid 4711, host) waits for 1 connect to 10.0.0.9:82: no answer yet, for \
          up to 8s"]
    );
}

/// Returns a table with a listener of 10.0.0.9:5432 whose queue holds `waiting` of 4, and two
/// connects to it.
fn beside_listener(waiting: u32) -> SharedTable {
    let mut table = Table::new(Limits::default());
    let ends = Endpoints {
        sk: 50,
        cgroup: 1,
        local: words(9),
        peer: [0; 2],
        netns: 1,
        local_port: 5432,
        peer_port: 0,
    };
    let listener = Socket {
        state: tcp::LISTEN,
        ends,
        receive_queue: waiting,
        send_queue: 4,
        ..Socket::default()
    };
    look(&mut table, &[listener]);
    table.transition(&connect(1, 5432, SECOND));
    table.transition(&connect(2, 5432, SECOND));
    look(&mut table, &[listener, waiting_connect(1, 5432, 1), waiting_connect(2, 5432, 1)]);
    table.close(&close(2, 5432, tcp::SYN_SENT, 110, 9 * SECOND));
    shared(table)
}

#[test]
fn a_full_accept_queue_of_this_machine_is_named_as_the_cause() {
    let answer = asked(&beside_listener(5), "", 10 * SECOND);
    assert_eq!(
        sentences(&answer),
        [
            "process orders (pid 4711, host) failed 1 connect to 10.0.0.9:5432: timed out, 1s ago",
            "process orders (pid 4711, host) waits for 1 connect to 10.0.0.9:5432: no answer yet, \
             for up to 9s",
        ]
    );
    for line in &answer.troubles {
        let cause = line.cause.as_deref().unwrap();
        assert!(cause.contains("on this host is full (5 of 4), so the kernel drops"), "{cause}");
    }
    let mut page = String::new();
    TroubleQuery::write(&answer, &View::default(), &mut page);
    assert_eq!(page.lines().count(), 4);
    let with_room = asked(&beside_listener(4), "", 10 * SECOND);
    assert!(with_room.troubles.iter().all(|line| line.cause.is_none()), "there is room for one");
}
