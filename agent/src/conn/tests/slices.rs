//! The end of a pass in slices: the same as in one go where nothing happens between them, and the
//! truth whatever does.

use std::collections::BTreeMap;

use agent_common::record::Socket;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_SENT};
use catalogue::labels::{Correction, Role, SocketState};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, check, covered, ends, entry, holder, owned, row, seeded, step,
    walked,
};
use crate::conn::{Covered, Limits, PassSummary, RowView, Table};

/// The processes of the tests, by id.
const NAMES: [&str; 4] = ["one", "two", "three", "four"];

/// What happens to the sockets of the world.
#[derive(Clone, Debug)]
enum Act {
    Open(usize),
    /// The peer of one of them closes.
    HalfClose(usize),
    Close(usize),
    /// One goes to another process, which no record tells.
    Pass(usize, usize),
    /// One closes and its record is lost.
    Vanish(usize),
    /// One opens and its records are lost.
    Appear(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let (socket, process) = (any::<usize>(), 0..NAMES.len());
    prop_oneof![
        4 => process.clone().prop_map(Act::Open),
        2 => socket.prop_map(Act::HalfClose),
        2 => socket.prop_map(Act::Close),
        2 => (socket, process.clone()).prop_map(|(at, to)| Act::Pass(at, to)),
        1 => socket.prop_map(Act::Vanish),
        1 => process.prop_map(Act::Appear),
    ]
}

fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(act(), 0..most)
}

/// The truth, and a table that is told of it.
struct World {
    table: Table,
    /// By socket: state and process.
    sockets: BTreeMap<u64, (u8, usize)>,
    ms: u64,
    last: u64,
    lost: u64,
}

impl World {
    fn new() -> Self {
        let mut new = Self { table: seeded(), sockets: BTreeMap::new(), ms: 10, last: 0, lost: 0 };
        new.told(1, CLOSE, LISTEN, 0);
        new.sockets.insert(1, (LISTEN, 0));
        new.last = 1;
        new
    }

    fn told(&mut self, sk: u64, old: u8, new: u8, process: usize) {
        self.ms += 1;
        let record = owned(
            step(Self::ends(sk), old, new, self.ms),
            NAMES[process],
            10 + u32::try_from(process).unwrap(),
        );
        self.table.transition(&record);
    }

    fn ends(sk: u64) -> agent_common::record::Endpoints {
        if sk == 1 { ends(1, PORT, 0) } else { ends(sk, EPHEMERAL, PORT + 1) }
    }

    fn act(&mut self, act: &Act) {
        self.ms += 1;
        let pick = |at: usize| {
            self.sockets.keys().copied().filter(|sk| *sk > 1).nth(at % self.sockets.len().max(1))
        };
        match *act {
            Act::Open(process) | Act::Appear(process) => {
                // Addresses are used again.
                let sk = (2..10_000).find(|sk| !self.sockets.contains_key(sk)).unwrap();
                self.sockets.insert(sk, (ESTABLISHED, process));
                if matches!(act, Act::Open(_)) {
                    self.told(sk, CLOSE, SYN_SENT, process);
                    self.told(sk, SYN_SENT, ESTABLISHED, process);
                } else {
                    self.lost += 1;
                }
            }
            Act::HalfClose(at) => {
                let Some(sk) = pick(at).filter(|sk| self.sockets[sk].0 == ESTABLISHED) else {
                    return;
                };
                self.sockets.get_mut(&sk).unwrap().0 = CLOSE_WAIT;
                let record = step(Self::ends(sk), ESTABLISHED, CLOSE_WAIT, self.ms);
                self.table.transition(&record);
            }
            Act::Close(at) | Act::Vanish(at) => {
                let Some(sk) = pick(at) else { return };
                let (state, process) = self.sockets.remove(&sk).unwrap();
                if matches!(act, Act::Close(_)) {
                    self.told(sk, state, CLOSE, process);
                } else {
                    self.lost += 1;
                }
            }
            Act::Pass(at, to) => {
                let Some(sk) = pick(at) else { return };
                self.sockets.get_mut(&sk).unwrap().1 = to;
            }
        }
    }

    fn all(&mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
        }
    }

    /// A pass that ends in slices of so many places, with acts between its parts.
    fn pass(&mut self, places: usize, mut acts: std::slice::Iter<'_, Act>) -> PassSummary {
        self.ms += 100;
        self.table.begin_pass(self.ms * 1_000_000);
        let listed: Vec<(u64, u8)> =
            self.sockets.iter().map(|(sk, (state, _))| (*sk, *state)).collect();
        self.ms += 100;
        for (sk, state) in listed {
            self.table.pass_socket(&Socket { reader: 99, ..entry(Self::ends(sk), state, self.ms) });
        }
        self.ms += 100;
        let from = self.ms * 1_000_000;
        let held: Vec<(u64, usize)> =
            self.sockets.iter().map(|(sk, (_, process))| (*sk, *process)).collect();
        for (sk, process) in held {
            self.table.pass_holder(&holder(
                sk,
                NAMES[process],
                10 + u32::try_from(process).unwrap(),
            ));
        }
        self.ms += 100;
        self.table.commit_pass(walked(from));
        loop {
            if let Some(summary) = self.table.step_commit(self.ms * 1_000_000, places) {
                acts.for_each(|act| self.act(act));
                return summary;
            }
            if let Some(act) = acts.next() {
                self.act(act);
            }
        }
    }

    /// Panics where the table is not what the world is.
    fn compare(&mut self) {
        check(&mut self.table, self.ms * 1_000_000);
        let (table, mut seen) = (&self.table, BTreeMap::new());
        for row in table.view().rows() {
            seen.insert(row.sk, (row.state, row.process.to_string(), row.tgid, row.holders));
        }
        let truth = |(sk, (state, process)): (&u64, &(u8, usize))| {
            let state = SocketState::from_code(*state).unwrap();
            (*sk, (state, NAMES[*process].to_owned(), 10 + u32::try_from(*process).unwrap(), 1))
        };
        assert_eq!(seen, self.sockets.iter().map(truth).collect());
    }
}

proptest! {
    #![proptest_config(super::support::config(300))]
    #[test]
    fn whatever_happens_between_slices_the_next_passes_find_the_truth(
        before in acts(60), between in acts(40), places in 1..12_usize, again in 1..12_usize,
    ) {
        let mut world = World::new();
        world.all(&before);
        world.pass(places, between.iter());
        // What vanished is missed twice before it goes; the first of these may be the second for some.
        for _ in 0..3 {
            world.pass(again, [].iter());
        }
        world.compare();
        let seen = world.table.snapshot(world.ms * 1_000_000);
        assert!(seen.drift() <= 2 * world.lost, "{} corrections for {} lost records", seen.drift(), world.lost);
        assert_eq!((seen.unheld, seen.shared, seen.unattributed), (0, 0, 0));
    }

    #[test]
    fn slices_without_anything_between_them_end_a_pass_as_one_go_does(before in acts(60), later in acts(20), places in 1..9_usize) {
        let end = |places: usize| {
            let mut world = World::new();
            world.all(&before);
            world.pass(places, [].iter());
            world.all(&later);
            let summary = world.pass(places, [].iter());
            let mut rows: Vec<RowView> = world.table.view().rows().collect();
            rows.sort_by_key(|row| row.sk);
            let mut seen = world.table.snapshot(world.ms * 1_000_000);
            let name = |group: &crate::conn::report::snapshot::Group| (group.process.clone(), group.role);
            seen.groups.sort_by_key(name);
            (summary, rows, format!("{:?}{:?}{:?}", seen.groups, seen.pressure.processes, (seen.unheld, seen.shared, seen.owners_read)))
        };
        assert_eq!(end(places), end(usize::MAX));
    }
}

#[test]
fn nothing_is_shown_of_a_pass_before_its_last_slice() {
    let mut world = World::new();
    (0..10).for_each(|_| world.act(&Act::Open(1)));
    world.act(&Act::Pass(0, 2));
    world.ms += 100;
    world.table.begin_pass(world.ms * 1_000_000);
    let held: Vec<_> = world.sockets.keys().copied().collect();
    for sk in held {
        world.table.pass_holder(&holder(sk, "three", 12));
    }
    world.table.commit_pass(Covered {
        namespaces: covered().namespaces,
        holders: Some(world.ms * 1_000_000),
    });
    let mut slices = 0;
    let shown = |table: &mut Table| {
        let seen = table.snapshot(0);
        (
            seen.last_reconcile,
            seen.owners_read,
            seen.reconcile_durations.count(),
            seen.pressure.processes.len(),
        )
    };
    let before = shown(&mut world.table);
    while world.table.step_commit(5_000_000_000, 1).is_none() {
        slices += 1;
        assert_eq!(shown(&mut world.table), before);
    }
    assert!(slices > 40, "{slices} slices of one row");
    assert_eq!(
        shown(&mut world.table),
        (Some(5_000_000_000), Some(world.ms * 1_000_000), before.2 + 1, 1)
    );
    assert_eq!(
        world.table.snapshot(0).gauge_of("three", Role::Client, SocketState::Established),
        10
    );
}

#[test]
fn a_move_does_not_meet_the_next_socket_at_the_same_address() {
    let mut world = World::new();
    world.act(&Act::Appear(1));
    world.table.begin_pass(1_000_000_000);
    world.table.pass_socket(&entry(World::ends(2), ESTABLISHED, 1001));
    world.table.pass_holder(&holder(2, "two", 11));
    world.table.commit_pass(walked(1_002_000_000));
    // The first slices plan that the row goes to "two".
    (0..2).for_each(|_| assert!(world.table.step_commit(0, 1).is_none()));
    world.ms = 2000;
    world.told(2, ESTABLISHED, CLOSE, 3);
    world.table.transition(&step(World::ends(2), CLOSE, SYN_SENT, 2010));
    while world.table.step_commit(0, 1).is_none() {}
    assert_ne!(row(&world.table, 2).map(|row| row.process.to_string()).as_deref(), Some("two"));
    assert_eq!(world.table.snapshot(0).corrected(Correction::WrongState), 0);
    check(&mut world.table, 3_000_000_000);
}

#[test]
fn a_holder_is_not_taken_for_that_of_the_next_socket_in_the_same_place() {
    let mut world = World::new();
    world.act(&Act::Open(1));
    world.table.begin_pass(1_000_000_000);
    world.table.pass_holder(&holder(2, "two", 11));
    world.ms = 2000;
    world.told(2, ESTABLISHED, CLOSE, 1);
    // Its opening was lost: it may be as old as the reading.
    world.table.transition(&step(World::ends(3), ESTABLISHED, CLOSE_WAIT, 2010));
    world.table.commit_pass(walked(1_002_000_000));
    while world.table.step_commit(0, 1).is_none() {}
    let next = row(&world.table, 3).expect("a row");
    assert_eq!((&*next.process, next.tgid, next.holders), ("unknown", 0, 0));
}

#[test]
fn more_rows_than_a_batch_holds_go_where_their_times_belong() {
    const ROWS: u64 = 40_000;
    let mut table = Table::new(Limits { connections: 50_000, ..LIMITS });
    table.begin_pass(0);
    table.end_pass(0, &covered());
    for sk in 1..=ROWS {
        table.transition(&owned(step(World::ends(sk + 1), CLOSE, SYN_SENT, 10 + sk), "one", 11));
    }
    // First every second of them, then those between: each of these has a place in the middle.
    for (at, of_two) in [(100, 2), (200, 1)] {
        table.begin_pass(at * 1_000_000_000);
        for sk in 1..=ROWS {
            table.pass_socket(&entry(World::ends(sk + 1), SYN_SENT, at * 1000));
            let (name, tgid) = if sk % of_two == 0 { ("two", 12) } else { ("one", 11) };
            table.pass_holder(&holder(sk + 1, name, tgid));
        }
        table.commit_pass(walked(at * 1_000_000_000));
        let mut slices = 0;
        while table.step_commit(0, 1000).is_none() {
            slices += 1;
        }
        assert!(slices > 200, "{slices} slices");
        assert_eq!(
            table.snapshot(0).gauge_of("two", Role::Client, SocketState::SynSent),
            ROWS / of_two
        );
        check(&mut table, at * 1_000_000_000);
    }
}
