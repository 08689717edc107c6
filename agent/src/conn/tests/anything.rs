//! Anything in any order: records, names, entries and holders between the slices of passes that
//! end, are given up or begin anew. The books balance, and a table that remembers whose group a
//! socket belongs to shows what one shows that asks anew.

use std::fmt::Write as _;

use agent_common::record::{Endpoints, Socket, State, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, LISTEN, SYN_RECV, SYN_SENT};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::support::*;
use super::workloads::unit;
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::{Limits, RowView, Table};
use crate::workload::{Key, Sight};

/// Transitions to choose from.
const STEPS: [(u8, u8); 10] = [
    (CLOSE, SYN_SENT),
    (SYN_SENT, ESTABLISHED),
    (ESTABLISHED, CLOSE_WAIT),
    (CLOSE_WAIT, CLOSE),
    (CLOSE, LISTEN),
    (LISTEN, SYN_RECV),
    (SYN_RECV, ESTABLISHED),
    (ESTABLISHED, FIN_WAIT1),
    (FIN_WAIT1, CLOSE),
    (LISTEN, CLOSE),
];
/// States of entries to choose from.
const LISTED: [u8; 4] = [ESTABLISHED, LISTEN, CLOSE_WAIT, SYN_SENT];
const SIGHTS: [Sight; 5] =
    [Sight::Blind, Sight::Processes, Sight::Mixed, Sight::Unified, Sight::Cgroups];
const UNITS: [&str; 3] = ["a", "b", "c"];
const NAMES: [&str; 5] = ["one", "two", "three", "unknown", "~x"];
const CGROUPS: u64 = 4;

#[derive(Clone, Debug)]
enum Act {
    Record(u64, u8, u8, Option<(usize, u32)>, u64, bool),
    Tell(u64, Option<usize>),
    /// The same, and whose rows have to move is left to `Migrate`.
    TellSlowly(Key, Option<usize>),
    Migrate(usize),
    TellProcess(u32, Option<usize>),
    Tidy(u64),
    See(u8),
    Begin,
    Entry(u64, u8, u64, bool),
    Holder(u64, usize, u32),
    Commit,
    Proceed(usize),
    Work(usize),
    Abort,
    Age(usize),
    Reader(u32),
}

/// What a workload is asked by.
fn key() -> impl Strategy<Value = Key> {
    prop_oneof![(1..CGROUPS).prop_map(Key::Cgroup), (1..5_u32).prop_map(Key::Process)]
}

fn act() -> impl Strategy<Value = Act> {
    let by = proptest::option::of((0..NAMES.len(), 1..5_u32));
    prop_oneof![
        24 => (1..24_u64, 0..10_usize, by, 1..CGROUPS, any::<bool>()).prop_map(|(sk, what, by, cgroup, serves)| {
            let (old, new) = STEPS[what];
            Act::Record(sk, old, new, by, cgroup, serves)
        }),
        3 => (1..CGROUPS, proptest::option::of(0..3_usize)).prop_map(|(cgroup, name)| Act::Tell(cgroup, name)),
        3 => (key(), proptest::option::of(0..3_usize)).prop_map(|(key, name)| Act::TellSlowly(key, name)),
        4 => (1..4_usize).prop_map(Act::Migrate),
        2 => (1..5_u32, proptest::option::of(0..3_usize)).prop_map(|(tgid, name)| Act::TellProcess(tgid, name)),
        2 => prop_oneof![Just(1_u64), Just(20), Just(400)].prop_map(Act::Tidy),
        1 => (0..5_u8).prop_map(Act::See),
        3 => Just(Act::Begin),
        8 => (1..24_u64, 0..4_usize, 1..CGROUPS, any::<bool>()).prop_map(|(sk, state, cgroup, serves)| Act::Entry(sk, LISTED[state], cgroup, serves)),
        8 => (1..24_u64, 0..NAMES.len(), 1..5_u32).prop_map(|(sk, name, tgid)| Act::Holder(sk, name, tgid)),
        3 => Just(Act::Commit),
        12 => (1..9_usize).prop_map(Act::Proceed),
        1 => (1..9_usize).prop_map(Act::Work),
        1 => Just(Act::Abort),
        1 => (0..5_usize).prop_map(Act::Age),
        1 => (0..3_u32).prop_map(Act::Reader),
    ]
}
fn at(sk: u64, cgroup: u64, serves: bool) -> Endpoints {
    let serves = serves || sk < 4;
    Endpoints {
        cgroup,
        ..if serves {
            ends(sk, PORT, if sk < 4 { 0 } else { EPHEMERAL })
        } else {
            ends(sk, EPHEMERAL, PORT)
        }
    }
}

/// Plays `acts`, and looks at the table after each; while a pass ends, only what the agent does
/// between its slices. Returns the time it is then, milliseconds.
fn play(
    table: &mut Table,
    acts: &[Act],
    forget: bool,
    mut look: impl FnMut(&mut Table, u64),
) -> u64 {
    let (mut ms, mut reader, mut passing, mut finishing, mut walk) = (10, 0, false, false, 0);
    for act in acts {
        if forget {
            table.core.groups.clear_cache();
        }
        ms += 7;
        match *act {
            Act::Record(sk, old, new, by, cgroup, serves) => {
                let record: State = step(at(sk, cgroup, serves), old, new, ms);
                let record = if let Some((name, tgid)) = by {
                    owned(record, NAMES[name], tgid)
                } else {
                    record
                };
                apply(table, &[record]);
            }
            Act::Tell(cgroup, name) => table.tell_workloads(
                [(Key::Cgroup(cgroup), name.map(|name| unit(UNITS[name])))],
                ms * MS,
            ),
            Act::TellSlowly(key, name) => {
                let workload = name.map(|name| unit(UNITS[name]));
                let waited = table.core.workloads.tell(key, workload.as_ref(), ms * MS);
                let found = WorkloadRef::Named(table.core.workloads.of(key));
                table.work.migrations.keys.extend(waited.then_some((key, found)));
            }
            Act::Migrate(places) => drop(table.migrate(places)),
            Act::TellProcess(tgid, name) => table.tell_workloads(
                [(Key::Process(tgid), name.map(|name| unit(UNITS[name])))],
                ms * MS,
            ),
            Act::Tidy(seconds) if !finishing => {
                ms += seconds * 1000;
                table.expire_idle(ms * MS);
            }
            Act::See(which) => table.see_workloads(SIGHTS[usize::from(which)]),
            Act::Begin if !finishing => {
                table.begin_pass(ms * MS);
                (passing, walk) = (true, ms + 1);
            }
            Act::Entry(sk, state, cgroup, serves) if !finishing => {
                table.pass_socket(&Socket {
                    reader,
                    flags: if sk % 2 == 0 { flag::ATTACHED } else { 0 },
                    ..entry(at(sk, cgroup, serves), state, ms)
                });
            }
            Act::Holder(sk, name, tgid) if !finishing => {
                table.pass_holder(&holder(sk, NAMES[name], tgid));
            }
            Act::Commit if passing && !finishing => {
                table.commit_pass(walked(walk * MS));
                finishing = true;
            }
            Act::Proceed(places) if finishing => {
                let ended = table.step_commit(ms * MS, places).is_some();
                (passing, finishing) = (!ended, !ended);
            }
            Act::Work(places) if !finishing => drop(table.step_due(places)),
            Act::Abort if !finishing => {
                table.abort_pass();
                passing = false;
            }
            Act::Age(places) => table.age(ms * MS, places),
            Act::Reader(of) => reader = of,
            _ => {}
        }
        look(table, ms);
    }
    ms
}

/// Everything that the table shows, as text.
fn shown(table: &mut Table, now: u64) -> String {
    let row = |row: RowView| {
        let RowView { sk, process, workload, role, tgid, attribution, state, .. } = row;
        format!("{sk} {process} {workload} {role:?} {tgid} {attribution:?} {state:?}")
    };
    let mut lines: Vec<_> = table.view().rows().map(row).collect();
    let seen = table.snapshot(now);
    lines.extend(seen.groups.iter().map(|group| format!("{group:?}")));
    lines.extend(seen.services.iter().map(|service| format!("{service:?}")));
    lines.sort();
    let mut text = lines.join("\n");
    let rest = (
        seen.label_overflow,
        seen.unattributed,
        seen.corrections,
        seen.unheld,
        seen.shared,
        seen.pressure.processes,
    );
    write!(text, "\n{rest:?}").unwrap();
    text
}

fn limits(tight: bool) -> Limits {
    if tight { Limits { groups: 3, services: 3, connections: 14, ..LIMITS } } else { LIMITS }
}

proptest! {
    #![proptest_config(config(200))]
    #[test]
    fn remembered_answers_change_nothing(acts in proptest::collection::vec(act(), 0..160), tight in any::<bool>()) {
        let (mut one, mut other) = (Table::new(limits(tight)), Table::new(limits(tight)));
        let mut cached_group = Vec::new();
        play(&mut one, &acts, false, |table, ms| cached_group.push(shown(table, ms * MS)));
        let mut cached_group = cached_group.iter();
        play(&mut other, &acts, true, |table, ms| assert_eq!(Some(&shown(table, ms * MS)), cached_group.next()));
    }

    #[test]
    fn the_books_balance_whatever_comes(acts in proptest::collection::vec(act(), 0..200), tight in any::<bool>()) {
        let mut table = Table::new(limits(tight));
        let ms = play(&mut table, &acts, false, |table, ms| {
            // A snapshot brings all cursors up, so it is not made after each act.
            if ms % 3 == 0 {
                check(table, ms * MS);
            }
        });
        table.abort_pass();
        check(&mut table, ms * MS);
        while table.migrate(2) {}
        check(&mut table, ms * MS);
        let waits = |key: &Key| table.core.workloads.wanted().contains(key);
        let keys = (1..CGROUPS).map(Key::Cgroup).chain((1..5).map(Key::Process));
        assert!(keys.into_iter().all(|key| table.core.groups.waiting(key).is_empty() || waits(&key)), "what is told is placed");
        for row in table.core.rows.iter() {
            assert_eq!(table.core.groups.role(row.group), row.role, "a row stands under its side");
        }
    }
}
