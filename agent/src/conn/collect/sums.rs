//! What the rows of a pass add up to: what waits in the sockets of each group, how many sockets
//! each process owns, who listens.
//!
//! Used by the end of a pass, row by row, while records come between; shown when it has come to the
//! last.

use std::cmp::Reverse;

use catalogue::labels::SocketState;
use hashbrown::HashMap;

use crate::conn::ids::{GroupId, RowId};
use crate::conn::report::snapshot::Queued;
use crate::conn::socket::row::{Row, flag};
use crate::conn::store::slab::Slab;

/// The sums so far.
#[derive(Default)]
pub(crate) struct Sums {
    /// By group.
    queued: Vec<Queued>,
    /// By process: the group of one of its sockets, and how many there are.
    owned: HashMap<u32, (GroupId, u64)>,
    /// Listeners: their rows, with their sockets in case another has the row by now.
    listening: Vec<(RowId, u64)>,
}

impl Sums {
    pub(crate) fn add(&mut self, index: RowId, row: &Row, seen: bool) {
        if row.state == SocketState::Listen {
            self.listening.push((index, row.sk));
        } else if seen {
            let group = row.group.position();
            if group >= self.queued.len() {
                self.queued.resize(group + 1, Queued::default());
            }
            self.queued[group].add(row);
        }
        if row.tgid != 0 && !row.has(flag::ORPHAN) {
            self.owned.entry(row.tgid).or_insert((row.group, 0)).1 += 1;
        }
    }

    /// A group is removed; another of its role takes its rows, or it had none.
    pub(crate) fn fold_into(&mut self, group: GroupId, successor: GroupId) {
        let gone = self.queued.get_mut(group.position()).map(std::mem::take);
        if let Some(gone) = gone.filter(|gone| *gone != Queued::default()) {
            let least = successor.position() + 1;
            self.queued.resize(self.queued.len().max(least), Queued::default());
            self.queued[successor.position()].merge(gone);
        }
        self.owned.values_mut().filter(|(of, _)| *of == group).for_each(|(of, _)| *of = successor);
    }

    /// What waits, by group.
    pub(crate) fn queued(&self) -> &[Queued] {
        &self.queued
    }

    /// The listeners that are still there.
    pub(crate) fn listening<'a>(&'a self, rows: &'a Slab) -> impl Iterator<Item = &'a Row> {
        let there = |(index, sk): &(RowId, u64)| {
            let row = &rows[*index];
            (row.has(flag::LIVE) && row.sk == *sk && row.state == SocketState::Listen)
                .then_some(row)
        };
        self.listening.iter().filter_map(there)
    }

    /// The processes with the most sockets, at most `most`: id, group, sockets.
    pub(crate) fn owners(self, most: usize) -> Vec<(u32, GroupId, u64)> {
        let mut all: Vec<_> =
            self.owned.into_iter().map(|(tgid, (group, sockets))| (tgid, group, sockets)).collect();
        let order = |(tgid, _, sockets): &(u32, GroupId, u64)| (Reverse(*sockets), *tgid);
        if all.len() > most {
            all.select_nth_unstable_by_key(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by_key(order);
        all
    }
}

impl Queued {
    /// Adds one row.
    fn add(&mut self, row: &Row) {
        self.receive_bytes += u64::from(row.queues.unread_bytes(row.state));
        self.send_bytes += u64::from(row.queues.unsent_bytes(row.state));
        self.zero_window += u64::from(row.queues.is_held_back(row.state));
    }
}
