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
use crate::conn::{Limits, Nanos, RowView, Table};
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
    let name = || proptest::option::of(0..3_usize);
    prop_oneof![
        24 => record(),
        3 => (1..CGROUPS, name()).prop_map(|(cgroup, name)| Act::Tell(cgroup, name)),
        3 => (key(), name()).prop_map(|(key, name)| Act::TellSlowly(key, name)),
        4 => (1..4_usize).prop_map(Act::Migrate),
        2 => (1..5_u32, name()).prop_map(|(tgid, name)| Act::TellProcess(tgid, name)),
        2 => prop_oneof![Just(1_u64), Just(20), Just(400)].prop_map(Act::Tidy),
        1 => (0..5_u8).prop_map(Act::See),
        3 => Just(Act::Begin),
        8 => listed(),
        8 => (1..24_u64, 0..NAMES.len(), 1..5_u32)
            .prop_map(|(sk, name, tgid)| Act::Holder(sk, name, tgid)),
        3 => Just(Act::Commit),
        12 => (1..9_usize).prop_map(Act::Proceed),
        1 => (1..9_usize).prop_map(Act::Work),
        1 => Just(Act::Abort),
        1 => (0..5_usize).prop_map(Act::Age),
        1 => (0..3_u32).prop_map(Act::Reader),
    ]
}

/// A record of a transition, by a process or by none.
fn record() -> impl Strategy<Value = Act> {
    let by = proptest::option::of((0..NAMES.len(), 1..5_u32));
    (1..24_u64, 0..10_usize, by, 1..CGROUPS, any::<bool>()).prop_map(
        |(sk, what, by, cgroup, serves)| {
            let (old, new) = STEPS[what];
            Act::Record(sk, old, new, by, cgroup, serves)
        },
    )
}

/// An entry of the kernel's list.
fn listed() -> impl Strategy<Value = Act> {
    (1..24_u64, 0..4_usize, 1..CGROUPS, any::<bool>())
        .prop_map(|(sk, state, cgroup, serves)| Act::Entry(sk, LISTED[state], cgroup, serves))
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

/// Where a play is: what the agent would do next depends on it.
struct Scene {
    /// The time, milliseconds.
    ms: u64,
    /// The process that reads the lists.
    reader: u32,
    passing: bool,
    committing: bool,
    /// When the descriptor tables of the pass were begun to be read, milliseconds.
    walk: u64,
}

/// Plays `acts`, and looks at the table after each; while a pass is committed, only what the agent
/// does between its slices. Returns the time of the end, milliseconds.
fn play(
    table: &mut Table,
    acts: &[Act],
    forget: bool,
    mut look: impl FnMut(&mut Table, u64),
) -> u64 {
    let mut scene = Scene { ms: 10, reader: 0, passing: false, committing: false, walk: 0 };
    for act in acts {
        if forget {
            table.core.groups.clear_cache();
        }
        scene.ms += 7;
        if !(scene.happen(table, act) || scene.pass(table, act) || scene.committing) {
            scene.between(table, act);
        }
        look(table, scene.ms);
    }
    scene.ms
}

impl Scene {
    /// What may come at any moment. Returns whether `act` was such.
    fn happen(&mut self, table: &mut Table, act: &Act) -> bool {
        let now = self.ms * MS;
        match *act {
            Act::Record(sk, old, new, by, cgroup, serves) => {
                let record: State = step(at(sk, cgroup, serves), old, new, self.ms);
                let record = if let Some((name, tgid)) = by {
                    owned(record, NAMES[name], tgid)
                } else {
                    record
                };
                apply(table, &[record]);
            }
            Act::Tell(cgroup, name) => tell(table, Key::Cgroup(cgroup), name, now),
            Act::TellProcess(tgid, name) => tell(table, Key::Process(tgid), name, now),
            Act::TellSlowly(key, name) => {
                let workload = name.map(|name| unit(UNITS[name]));
                let waited = table.core.workloads.tell(key, workload.as_ref(), now);
                let found = WorkloadRef::Named(table.core.workloads.of(key));
                table.work.migrations.keys.extend(waited.then_some((key, found)));
            }
            Act::Migrate(places) => drop(table.migrate(places)),
            Act::See(which) => table.see_workloads(SIGHTS[usize::from(which)]),
            Act::Age(places) => table.age(now, places),
            Act::Reader(of) => self.reader = of,
            _ => return false,
        }
        true
    }

    /// How a pass is committed. Returns whether `act` was a part of that.
    fn pass(&mut self, table: &mut Table, act: &Act) -> bool {
        match *act {
            Act::Commit if self.passing && !self.committing => {
                table.commit_pass(walked(self.walk * MS));
                self.committing = true;
            }
            Act::Proceed(places) if self.committing => {
                let ended = table.step_commit(self.ms * MS, places).is_some();
                (self.passing, self.committing) = (!ended, !ended);
            }
            _ => return false,
        }
        true
    }

    /// What never comes while a pass is committed.
    fn between(&mut self, table: &mut Table, act: &Act) {
        match *act {
            Act::Tidy(seconds) => {
                self.ms += seconds * 1000;
                table.expire_idle(self.ms * MS);
            }
            Act::Begin => {
                table.begin_pass(self.ms * MS);
                (self.passing, self.walk) = (true, self.ms + 1);
            }
            Act::Entry(sk, state, cgroup, serves) => table.pass_socket(&Socket {
                reader: self.reader,
                flags: if sk % 2 == 0 { flag::ATTACHED } else { 0 },
                ..entry(at(sk, cgroup, serves), state, self.ms)
            }),
            Act::Holder(sk, name, tgid) => table.pass_holder(&holder(sk, NAMES[name], tgid)),
            Act::Work(places) => drop(table.step_due(places)),
            Act::Abort => {
                table.abort_pass();
                self.passing = false;
            }
            _ => {}
        }
    }
}

/// Tells the table what a key stands for, or that it is gone.
fn tell(table: &mut Table, key: Key, name: Option<usize>, now: Nanos) {
    table.tell_workloads([(key, name.map(|name| unit(UNITS[name])))], now);
}

/// Everything that the table shows, as text.
fn shown(table: &mut Table, now: Nanos) -> String {
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
    if tight { Limits { connections: 14, ..TIGHT } } else { LIMITS }
}

proptest! {
    #![proptest_config(config(200))]
    #[test]
    fn remembered_answers_change_nothing(
        acts in proptest::collection::vec(act(), 0..160),
        tight in any::<bool>(),
    ) {
        let (mut one, mut other) = (Table::new(limits(tight)), Table::new(limits(tight)));
        let mut cached_group = Vec::new();
        play(&mut one, &acts, false, |table, ms| cached_group.push(shown(table, ms * MS)));
        let mut cached_group = cached_group.iter();
        play(&mut other, &acts, true, |table, ms| {
            assert_eq!(Some(&shown(table, ms * MS)), cached_group.next());
        });
    }

    #[test]
    fn the_books_balance_whatever_comes(
        acts in proptest::collection::vec(act(), 0..200),
        tight in any::<bool>(),
    ) {
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
        let mut keys = (1..CGROUPS).map(Key::Cgroup).chain((1..5).map(Key::Process));
        let placed = |key| table.core.groups.waiting(key).is_empty() || waits(&key);
        assert!(keys.all(placed), "what is told is placed");
        for row in table.core.rows.iter() {
            assert_eq!(table.core.groups.role(row.group), row.role, "a row stands under its side");
        }
    }
}
