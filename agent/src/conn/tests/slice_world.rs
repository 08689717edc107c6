//! A world whose sockets open, close, move and lose records, and the table that is told of it.
//!
//! `slices` runs passes in it and compares the table with it.

use std::collections::BTreeMap;

use agent_common::record::{Endpoints, Socket};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_SENT};
use catalogue::labels::SocketState;
use proptest::prelude::{Strategy, any, prop_oneof};

use super::support::{
    EPHEMERAL, MS, PORT, check, ends, entry, holder, owned, seeded, step, walked,
};
use crate::conn::{PassSummary, Table};

/// The processes of the tests, by id.
const NAMES: [&str; 4] = ["one", "two", "three", "four"];

/// What happens to the sockets of the world.
#[derive(Clone, Debug)]
pub(super) enum Act {
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

pub(super) fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(act(), 0..most)
}

/// The truth, and a table that is told of it.
pub(super) struct World {
    pub(super) table: Table,
    /// By socket: state and process.
    pub(super) sockets: BTreeMap<u64, (u8, usize)>,
    pub(super) ms: u64,
    last: u64,
    pub(super) lost: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let mut new = Self { table: seeded(), sockets: BTreeMap::new(), ms: 10, last: 0, lost: 0 };
        new.told(1, CLOSE, LISTEN, 0);
        new.sockets.insert(1, (LISTEN, 0));
        new.last = 1;
        new
    }

    pub(super) fn told(&mut self, sk: u64, old: u8, new: u8, process: usize) {
        self.ms += 1;
        let record = owned(
            step(Self::ends(sk), old, new, self.ms),
            NAMES[process],
            10 + u32::try_from(process).unwrap(),
        );
        self.table.transition(&record);
    }

    pub(super) fn ends(sk: u64) -> Endpoints {
        if sk == 1 { ends(1, PORT, 0) } else { ends(sk, EPHEMERAL, PORT + 1) }
    }

    pub(super) fn act(&mut self, act: &Act) {
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

    pub(super) fn all(&mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
        }
    }

    /// A pass that ends in slices of so many places, with acts between its parts.
    pub(super) fn pass(
        &mut self,
        places: usize,
        mut acts: std::slice::Iter<'_, Act>,
    ) -> PassSummary {
        self.ms += 100;
        self.table.begin_pass(self.ms * MS);
        let listed: Vec<(u64, u8)> =
            self.sockets.iter().map(|(sk, (state, _))| (*sk, *state)).collect();
        self.ms += 100;
        for (sk, state) in listed {
            self.table.pass_socket(&Socket { reader: 99, ..entry(Self::ends(sk), state, self.ms) });
        }
        self.ms += 100;
        let from = self.ms * MS;
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
            if let Some(summary) = self.table.step_commit(self.ms * MS, places) {
                acts.for_each(|act| self.act(act));
                return summary;
            }
            if let Some(act) = acts.next() {
                self.act(act);
            }
        }
    }

    /// Panics where the table is not what the world is.
    pub(super) fn compare(&mut self) {
        check(&mut self.table, self.ms * MS);
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
