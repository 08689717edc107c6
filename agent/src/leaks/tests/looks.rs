//! What passes have seen of a connection, and what they cannot know.

use std::collections::HashSet;

use agent_common::record::{Activity, Endpoints, Holder, Socket, State, flag, kind, known};
use agent_common::tcp;

use super::*;
use crate::conn::Covered;

/// A table with one connection of a server, as passes at these seconds see it: what is queued to be
/// read, and whether something is unacknowledged.
fn looked_at(looks: &[(u64, u32, u32)]) -> SharedTable {
    let table = shared(0);
    for (second, receive_queue, unacknowledged) in looks {
        let now = Nanos::from_secs(*second);
        let covered = Covered { namespaces: HashSet::from([7]), ..Covered::default() };
        let ends = Endpoints { sk: 1, netns: 7, local_port: 80, ..Endpoints::default() };
        let activity = Activity {
            bytes_received: 20_000,
            unacknowledged: *unacknowledged,
            known: known::BYTES | known::UNACKNOWLEDGED,
            ..Activity::default()
        };
        let entry = Socket {
            kind: kind::SOCKET,
            state: tcp::ESTABLISHED,
            flags: flag::ATTACHED,
            time: now.get(),
            receive_queue: *receive_queue,
            ends,
            activity,
            ..Socket::default()
        };
        let mut locked = lock(&table);
        locked.begin_pass(now);
        locked.pass_socket(&entry);
        locked.end_pass(now, &covered);
        drop(locked);
    }
    table
}

fn kinds(table: &SharedTable, second: u64) -> Vec<String> {
    let found = asked(&Watch::default(), table, "", second * SECOND);
    found.suspects.into_iter().map(|suspect| suspect.kind).collect()
}

#[test]
fn nobody_is_accused_of_what_only_one_pass_has_seen() {
    let once = looked_at(&[(100, 0, 1)]);
    assert_eq!(kinds(&once, 129), [""; 0], "it may have been acknowledged since");
    assert_eq!(kinds(&looked_at(&[(100, 0, 1), (130, 0, 1)]), 131), ["unacknowledged"]);
}

#[test]
fn a_slow_reader_is_not_said_not_to_read() {
    let stuck = looked_at(&[(100, 9000, 0), (130, 9000, 0), (200, 9000, 0)]);
    assert_eq!(kinds(&stuck, 201), ["never_read"]);
    let slow = looked_at(&[(100, 9000, 0), (130, 8000, 0), (200, 7000, 0)]);
    assert_eq!(kinds(&slow, 201), [""; 0]);
}

/// A table with two MPTCP connections of two subflows each, and one of plain TCP, of one server;
/// passes at these seconds see the MPTCP connections in these states.
fn multipath(looks: &[(u64, u8)]) -> SharedTable {
    let table = shared(0);
    let mut locked = lock(&table);
    for (second, state) in looks {
        let now = Nanos::from_secs(*second);
        locked.begin_pass(now);
        for (sk, outer) in [(1, 900), (2, 900), (3, 901), (4, 901), (5, 0)] {
            let ends = Endpoints { sk, netns: 7, local_port: 80, ..Endpoints::default() };
            let entry = Socket { kind: kind::SOCKET, state: tcp::ESTABLISHED, ..Socket::default() };
            let (flags, time) = (flag::ATTACHED | flag::PORT_BY_BIND, now.get());
            locked.pass_socket(&Socket { flags, time, ends, outer, ..entry });
        }
        for (sk, state) in [(900, *state), (901, *state), (5, 0)] {
            let comm = *b"go-server\0\0\0\0\0\0\0";
            let kind = kind::HOLDER;
            locked.pass_holder(&Holder { kind, state, sk, tgid: 9, comm, ..Holder::default() });
        }
        let namespaces = HashSet::from([7]);
        let covered = Covered { namespaces, holders: Some(now), ..Covered::default() };
        locked.end_pass(now, &covered);
    }
    drop(locked);
    table
}

#[test]
fn an_mptcp_connection_that_its_peer_closed_is_a_leak_and_counts_once() {
    let looks = [(100, tcp::ESTABLISHED), (200, tcp::CLOSE_WAIT), (240, tcp::CLOSE_WAIT)];
    let table = multipath(&looks);
    assert_eq!(kinds(&table, 209), [""; 0], "not before ten seconds are over");
    let found = asked(&Watch::default(), &table, "", 241 * SECOND);
    assert_eq!(
        (found.looked_at.in_leak_states, found.looked_at.past_grace, found.matched),
        (2, 2, 1),
        "subflows of one connection count once"
    );
    let suspect = &found.suspects[0];
    assert_eq!((suspect.kind.as_str(), suspect.connections), ("mptcp_close_wait", 2));
    assert_eq!((suspect.certainty.as_str(), suspect.state.as_str()), ("possible", "established"));
    assert_eq!((suspect.older_than_60, suspect.oldest_age_at_least), (0, true));
    assert!(near(suspect.oldest_age_seconds, 41.0), "{}", suspect.oldest_age_seconds);
    assert_eq!((suspect.pids[0].pid, suspect.pids[0].connections), (9, 2));
    assert_eq!(suspect.sample[0].mptcp_state.as_deref(), Some("close_wait"));
    assert_eq!(
        suspect.sentence,
        "process go-server (pid 9) holds 2 MPTCP connections with port 80 whose peer has closed, \
         never closed, the oldest at least 41s"
    );
    let later = asked(&Watch::default(), &table, "", 260 * SECOND);
    assert_eq!(later.suspects[0].certainty, "likely");
    assert_eq!(kinds(&multipath(&[(100, tcp::ESTABLISHED)]), 260), [""; 0]);
    let ended = [(100, tcp::CLOSE_WAIT), (200, tcp::FIN_WAIT2)];
    assert_eq!(kinds(&multipath(&ended), 260), [""; 0], "what the peer did not close");
}

/// A table with a connection that a client opened in the first second and used, and that its server
/// closed. The process that holds it was forked at that second.
fn left_over(forked: u64) -> SharedTable {
    let table = shared(0);
    let mut locked = lock(&table);
    let ends =
        Endpoints { sk: 64, netns: 7, local_port: 40_000, peer_port: 80, ..Endpoints::default() };
    for (old, new, ms) in [
        (tcp::CLOSE, tcp::SYN_SENT, 500),
        (tcp::SYN_SENT, tcp::ESTABLISHED, 600),
        (tcp::ESTABLISHED, tcp::CLOSE_WAIT, 5_000),
    ] {
        let time = Nanos::from_millis(ms).get();
        locked.transition(&State { kind: kind::STATE, old, new, time, ends, ..State::default() });
    }
    let now = Nanos::from_secs(100);
    // It was used in its first second.
    let ago = u32::try_from(99 * SECOND / crate::clock::tick()).unwrap();
    locked.begin_pass(now);
    locked.pass_socket(&Socket {
        kind: kind::SOCKET,
        state: tcp::CLOSE_WAIT,
        flags: flag::ATTACHED,
        time: now.get(),
        receive_queue: 1,
        ends,
        activity: Activity {
            bytes_received: 500,
            sent_ago: ago,
            received_ago: ago,
            acked_ago: ago,
            known: known::BYTES | known::TIMES,
            ..Activity::default()
        },
        ..Socket::default()
    });
    let started = Nanos::from_secs(forked).get();
    locked.pass_holder(&Holder {
        kind: kind::HOLDER,
        tgid: 9,
        sk: 64,
        started,
        comm: *b"holder\0\0\0\0\0\0\0\0\0\0",
        ..Holder::default()
    });
    let covered =
        Covered { namespaces: HashSet::from([7]), holders: Some(now), ..Covered::default() };
    locked.end_pass(now, &covered);
    drop(locked);
    table
}

#[test]
fn a_pool_is_that_of_the_process_that_opened_it() {
    let ask = |forked| asked(&Watch::default(), &left_over(forked), "", 170 * SECOND);
    let own = ask(0);
    assert_eq!((own.matched, own.notes[0].kind.as_str()), (0, "pool_stale"));
    let inherited = ask(3);
    let suspect = &inherited.suspects[0];
    assert_eq!((suspect.kind.as_str(), suspect.inherited), ("never_read", 1));
    let end = ", inherited from the process that opened them";
    assert!(suspect.sentence.contains(end), "{}", suspect.sentence);
    assert!(suspect.next_step.contains("FD_CLOEXEC"));
}

#[test]
fn a_connect_that_waits_for_its_first_write_is_no_peer_that_does_not_answer() {
    let found = |unacknowledged| {
        let table = shared(0);
        let mut locked = lock(&table);
        let ends = Endpoints { sk: 64, netns: 7, peer_port: 80, ..Endpoints::default() };
        let record = State {
            kind: kind::STATE,
            old: tcp::CLOSE,
            new: tcp::SYN_SENT,
            time: SECOND,
            ends,
            ..State::default()
        };
        locked.transition(&record);
        let now = Nanos::from_secs(100);
        locked.begin_pass(now);
        locked.pass_socket(&Socket {
            kind: kind::SOCKET,
            state: tcp::SYN_SENT,
            flags: flag::ATTACHED,
            time: now.get(),
            ends,
            activity: Activity {
                unacknowledged,
                known: known::UNACKNOWLEDGED,
                ..Activity::default()
            },
            ..Socket::default()
        });
        locked.end_pass(now, &Covered { namespaces: HashSet::from([7]), ..Covered::default() });
        drop(locked);
        kinds(&table, 101)
    };
    assert_eq!(found(1), ["no_answer"], "a SYN is on its way");
    assert_eq!(found(0), [""; 0], "none was sent");
}
