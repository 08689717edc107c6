//! What passes have seen of a connection, and what they cannot know.

use std::collections::HashSet;

use agent_common::record::{Activity, Endpoints, Socket, flag, kind, known};
use agent_common::tcp;

use super::*;
use crate::conn::{Covered, Nanos};

/// A table with one connection of a server, as passes at these seconds see it: what is queued to be
/// read, and whether something is unacknowledged.
fn looked_at(looks: &[(u64, u32, u32)]) -> SharedTable {
    let table = shared(0);
    for (second, receive_queue, unacknowledged) in looks {
        let now = Nanos::from_secs(*second);
        let covered = Covered { namespaces: HashSet::from([7]), holders: None };
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
