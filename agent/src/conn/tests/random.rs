//! Any sequence of records at all: nothing panics and the books balance after each.

use agent_common::record::{Close, Endpoints, Holder, Retransmit, Socket, State};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::support::{NETNS, TIGHT, check, comm, covered};
use crate::conn::{Covered, Limits, Nanos, Table};

/// So small that every bound is reached.
const TINY: Limits = Limits { connections: 12, namespaces: 1, ports: 1, ..TIGHT };

#[derive(Clone, Debug)]
enum Act {
    Transition(State),
    Close(Close),
    Retransmit(Retransmit),
    Synack(Retransmit),
    Begin(u64),
    Socket(Socket),
    Holder(Holder),
    End(u64),
    Commit(u64),
    Proceed(usize),
    Abort,
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0..10_000_u64).prop_map(|at| at * 1_000_000_000),
        0..5_000_000_000_u64,
        any::<u64>()
    ]
}

fn state() -> impl Strategy<Value = u8> {
    prop_oneof![8 => 1..=12_u8, 1 => any::<u8>()]
}

fn ends() -> impl Strategy<Value = Endpoints> {
    (1..16_u64, 0..3_u16, 0..3_u16, 0..2_u32, 0..2_u64).prop_map(
        |(sk, local_port, peer_port, netns, word)| Endpoints {
            sk: sk * 64,
            cgroup: word,
            local: [0, word],
            peer: [word, 1],
            netns: NETNS + netns,
            local_port,
            peer_port,
        },
    )
}

fn process() -> impl Strategy<Value = (u32, [u8; 16])> {
    let name =
        prop_oneof![Just(comm("one")), Just(comm("two")), Just(comm("~other")), any::<[u8; 16]>()];
    (0..4_u32, name)
}

fn record() -> impl Strategy<Value = State> {
    let err = prop_oneof![Just(0_u16), 100..114_u16, any::<u16>()];
    (state(), state(), 0..16_u8, err, time(), ends(), process()).prop_map(
        |(old, new, flags, err, time, ends, (tgid, comm))| State {
            kind: 1,
            old,
            new,
            flags,
            err,
            family: 2,
            time,
            ends,
            tgid,
            uid: 0,
            comm,
        },
    )
}

fn retransmit() -> impl Strategy<Value = Retransmit> {
    (state(), 0..8_u8, 0..8_u8, -1..1_i16, ends(), any::<u32>()).prop_map(
        |(state, ca_state, pending, err, ends, segments)| Retransmit {
            kind: 3,
            state,
            ca_state,
            pending,
            err,
            ends,
            segments,
            ..Retransmit::default()
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let numbers = (record(), any::<[u64; 2]>(), any::<[u32; 2]>());
    prop_oneof![
        12 => record().prop_map(Act::Transition),
        4 => numbers.prop_map(|(state, bytes, [srtt_us, retransmitted])| Act::Close(Close {
            state: State { new: 7, ..state },
            bytes_sent: bytes[0],
            bytes_received: bytes[1],
            srtt_us,
            retransmitted,
        })),
        1 => retransmit().prop_map(Act::Retransmit),
        1 => retransmit().prop_map(Act::Synack),
        2 => time().prop_map(Act::Begin),
        6 => entry(),
        4 => (1..20_u64, any::<u8>(), process()).prop_map(|(sk, state, (tgid, comm))| {
            Act::Holder(Holder { kind: 6, state, tgid, sk: sk * 64, comm, ..Holder::default() })
        }),
        2 => time().prop_map(Act::End),
        1 => time().prop_map(Act::Commit),
        6 => (0..6_usize).prop_map(Act::Proceed),
        1 => Just(Act::Abort),
    ]
}

/// An entry of the socket list, whatever it says.
fn entry() -> impl Strategy<Value = Act> {
    let outer = prop_oneof![3 => Just(0), 1 => (16..20_u64).prop_map(|sk| sk * 64)];
    (state(), 0..8_u8, 0..16_u8, time(), ends(), outer).prop_map(
        |(state, substate, flags, time, ends, outer)| {
            let small = Socket { kind: 5, state, substate, flags, ..Socket::default() };
            Act::Socket(Socket { time, ends, outer, ..small })
        },
    )
}

/// A pass that has read the lists to the end, and mostly the descriptor tables too.
fn read(at: u64) -> Covered {
    Covered { holders: (!at.is_multiple_of(3)).then_some(Nanos::new(at)), ..covered() }
}

proptest! {
    #![proptest_config(super::support::config(200))]
    #[test]
    fn no_sequence_of_records_panics_or_unbalances_the_books(
        acts in proptest::collection::vec((act(), time()), 0..250),
    ) {
        let mut table = Table::new(TINY);
        for (act, now) in acts {
            let now = Nanos::new(now);
            match act {
                Act::Transition(record) => table.transition(&record),
                Act::Close(record) => table.close(&record),
                Act::Retransmit(record) => table.retransmit(&record),
                Act::Synack(record) => table.synack_retransmit(&record),
                Act::Begin(at) => table.begin_pass(Nanos::new(at)),
                Act::Socket(entry) => table.pass_socket(&entry),
                Act::Holder(entry) => table.pass_holder(&entry),
                Act::End(at) => drop(table.end_pass(Nanos::new(at), &read(at))),
                Act::Commit(at) => table.commit_pass(read(at)),
                Act::Proceed(places) => drop(table.step_commit(now, places)),
                Act::Abort => table.abort_pass(),
            }
            check(&mut table, now);
            let seen = table.snapshot(now);
            assert!(seen.tracked <= 12 && seen.groups.len() <= 3 + 6);
            assert!(seen.services.len() <= 3 + 3);
            assert!(seen.synack_retransmits.len() <= 2 && seen.namespaces.len() <= 2);
        }
    }
}
