//! Which process holds a socket now: the descriptor tables of all processes held against the rows.
//!
//! Part of a reconcile pass. While the tables are read every row notes its best holder and how many
//! there are; when they have been read to the end, the rows whose owner is another, or has another
//! name by now, change hands. Nothing is decided before, because a row's present owner may come
//! last.
//!
//! Of several holders the present owner stays: a process that forks and keeps its descriptor goes
//! on to be the one that is named, and `holders` tells of the others. Where it holds the socket no
//! longer, the lowest process id counts. Process 1 and the agent give way to any other holder: a
//! service manager keeps the listeners that it made for others, the agent what its parent forgot to
//! close.
//!
//! A socket that has a `struct socket` and that no process holds keeps its last owner, as
//! [`Owner::Gone`]: its descriptor is in flight in a unix socket, registered with an io_uring alone, or
//! a part of the kernel uses it. A child that waits in its listener's accept queue follows the
//! listener; an orphan, which the kernel closes by itself, stays with the process that let it go.
//!
//! Process ids are those of the initial pid namespace. The tables are those of the processes that
//! the agent's own pid namespace shows; threads with a table of their own are walked apart
//! (`task_seq_get_next`, 5.10).

use std::collections::HashSet;

use agent_common::record::Holder;
use hashbrown::HashMap;

use super::finish::Finish;
use super::groups::Groups;
use super::labels::SocketState;
use super::memo::Question;
use super::owner::{Name, Owner};
use super::rows::{Row, flag};
use super::table::Table;
use super::workloads::Place;

/// The most processes whose names are kept during a pass; those beyond are counted, and own nothing
/// new.
pub(super) const MOST_PROCESSES: usize = 1 << 16;

/// The process that keeps sockets for others.
const INIT: u32 = 1;

/// The processes that a reading of the descriptor tables has met.
#[derive(Default)]
pub(super) struct Processes {
    names: HashMap<u32, [u8; 16]>,
    /// The one whose descriptors come now.
    current: u32,
    /// Whether its name is kept.
    named: bool,
    /// Changes with it, so that a row can tell two descriptors of one process from two processes.
    run: u16,
    /// What was met of each row, by its index; as long as it has to be.
    marks: Vec<u64>,
}

/// What the reading has met of one row: the best holder, how many there are, and the run in which
/// the last was counted. Kept as one word, of which zero is nothing, so that a million of them come
/// from the system as they are.
#[derive(Clone, Copy, Default)]
struct Mark {
    candidate: u32,
    run: u16,
    holders: u8,
}

impl Mark {
    const fn from_word(word: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "each takes its bits")]
        Self { candidate: word as u32, run: (word >> 32) as u16, holders: (word >> 48) as u8 }
    }

    fn word(self) -> u64 {
        u64::from(self.candidate) | u64::from(self.run) << 32 | u64::from(self.holders) << 48
    }

    const fn is_held(self) -> bool {
        self.holders > 0
    }
}

impl Processes {
    /// Notes whose descriptor this is; false where the process is one too many.
    fn meet(&mut self, entry: &Holder) -> bool {
        if self.current == entry.tgid {
            return self.named;
        }
        self.current = entry.tgid;
        self.run = self.run.wrapping_add(1);
        if self.names.len() < MOST_PROCESSES {
            self.names.insert(entry.tgid, entry.comm);
        }
        self.named = self.names.contains_key(&entry.tgid);
        self.named
    }

    fn mark(&self, index: u32) -> Mark {
        self.marks.get(index as usize).copied().map_or(Mark::default(), Mark::from_word)
    }

    /// Sets a mark; `top` is one more than the highest index in use.
    fn set_mark(&mut self, index: u32, top: u32, mark: Mark) {
        if index as usize >= self.marks.len() {
            let more = (top as usize).max(index as usize + 1);
            if self.marks.is_empty() {
                self.marks = vec![0; more]
            } else {
                self.marks.resize(more, 0)
            }
        }
        if let Some(word) = self.marks.get_mut(index as usize) {
            *word = mark.word();
        }
    }

    /// Forgets what was met of a place that another socket takes.
    pub(super) fn forget(&mut self, index: u32) {
        if let Some(word) = self.marks.get_mut(index as usize) {
            *word = 0;
        }
    }

    /// Whether a row was met.
    pub(super) fn holds(&self, index: u32) -> bool {
        self.mark(index).is_held()
    }
}

impl Table {
    /// Notes a holder of a socket; what follows from it is decided when the pass ends.
    pub fn pass_holder(&mut self, entry: &Holder) {
        let reader = self.reader;
        let Some(processes) = self.pass.as_mut().map(|pass| &mut pass.processes) else { return };
        if entry.tgid == 0 {
            return;
        }
        let named = processes.meet(entry);
        let Some(index) = self.index.find(entry.sk, &self.rows) else { return };
        let (owner, mut mark) = (self.rows[index].tgid, processes.mark(index));
        if !mark.is_held() || mark.run != processes.run {
            mark.run = processes.run;
            mark.holders = mark.holders.saturating_add(1);
        }
        let rank = |tgid: u32| match tgid {
            0 => (3, 0),
            _ if tgid == INIT || tgid == reader => (2, tgid),
            _ if tgid == owner => (0, tgid),
            _ => (1, tgid),
        };
        if named && rank(entry.tgid) < rank(mark.candidate) {
            mark.candidate = entry.tgid;
        }
        processes.set_mark(index, self.rows.top(), mark);
    }

    /// Gives a row to who held it when the descriptor tables were read, from the moment `walked`
    /// on. Counts the rows that nobody holds, and those that more than one process does.
    pub(super) fn settle_owner(&mut self, index: u32, walked: u64, finish: &mut Finish) {
        let mark = self.pass.as_ref().map_or(Mark::default(), |pass| pass.processes.mark(index));
        let row = &mut self.rows[index];
        if !row.has(flag::LIVE) {
            return;
        }
        if mark.is_held() {
            row.holders = mark.holders;
        }
        if row.is_born_since(walked) {
            return;
        }
        if mark.is_held() {
            finish.shared += u64::from(row.holders > 1 && row.state != SocketState::Listen);
            let moved = self.hand_over(index, walked, mark.candidate);
            finish.listeners_moved |= moved && self.rows[index].state == SocketState::Listen;
            return;
        }
        let gone = self.is_unheld(index);
        let row = &mut self.rows[index];
        if row.entered < walked {
            row.holders = 0;
        }
        if gone {
            row.owner = Owner::Gone;
            finish.unheld += 1;
        }
    }

    /// What is in a leak state since before `walked` has been verified in it; whether every list
    /// knows that.
    pub(super) fn verified_since(&mut self, walked: u64, budget: &mut usize) -> bool {
        self.cuts.walk(walked);
        self.groups.advance(&self.rows, &self.cuts, budget)
    }

    /// Since when the row waits that has been longest in a leak state without a reading of the
    /// descriptor tables after it entered it; `CLOCK_MONOTONIC` nanoseconds.
    #[must_use]
    pub fn unverified_since(&self) -> Option<u64> {
        self.groups.unverified_since(&self.rows)
    }

    /// Whether rows that are in use belong to one of these processes, of `places` places of the
    /// slab from `from` on; and where to go on, none at the end. The kernel closes the sockets
    /// of a process that ends: one that is left in a state where it can still be used is held
    /// by another.
    #[must_use]
    pub fn outlives(&self, ended: &HashSet<u32>, from: u32, places: u32) -> (bool, Option<u32>) {
        use SocketState::{CloseWait, Established, Listen, SynSent};
        let end = from.saturating_add(places).min(self.rows.top());
        let in_use = |row: &Row| {
            matches!(row.state, CloseWait | Established | Listen | SynSent)
                && row.owner > Owner::Gone
        };
        let mut rows = (from..end).map(|index| &self.rows[index]);
        let found = rows.any(|row| row.has(flag::LIVE) && in_use(row) && ended.contains(&row.tgid));
        (found, (end < self.rows.top()).then_some(end))
    }

    /// Gives a row to its best holder, under the name that it has now; whether that changed its
    /// group.
    fn hand_over(&mut self, index: u32, walked: u64, candidate: u32) -> bool {
        let row = self.rows[index];
        // A system call on the socket after the tables were read knows better.
        if row.owner == Owner::Exact && row.entered >= walked {
            return false;
        }
        let Some(comm) =
            self.pass.as_ref().and_then(|pass| pass.processes.names.get(&candidate)).copied()
        else {
            return false;
        };
        let other = self.group_of_holder(index, candidate, &comm);
        if other.is_none() && row.owner == Owner::Exact && row.tgid == candidate {
            return false;
        }
        self.books.unattributed -= u64::from(row.owner == Owner::None);
        self.rows[index].tgid = candidate;
        self.rows[index].owner = Owner::Holder;
        if let Some(group) = other {
            self.plan_move(index, group);
        }
        other.is_some() || row.tgid != candidate
    }

    /// The group that a row belongs to by its holder's name; none where it stands there already.
    fn group_of_holder(&mut self, index: u32, candidate: u32, comm: &[u8; 16]) -> Option<u16> {
        let row = self.rows[index];
        let question = Question::name(comm, row.cgroup, candidate, row.role.index());
        let remembered = self.groups.remembered(question, &self.workloads);
        if let Some(group) = remembered.filter(|_| !Groups::is_other(row.group)) {
            return (group != row.group).then_some(group);
        }
        let name = Name::from_comm(comm);
        let place = self.workloads.place_again(row.cgroup, candidate);
        if Groups::is_other(row.group) {
            self.bring_back(index, candidate, &name, &place);
        }
        let kept = self.groups.keeps(&row, &name, &place, candidate);
        let group = if kept { row.group } else { self.groups.of_name(&name, &place, row.role) };
        // One that is nowhere may be so for want of room, which is counted where records bring it.
        if self.groups.is(group, name.as_str(), &place, row.role) && !self.groups.is_nowhere(group)
        {
            self.groups.remember_answer(question, &self.workloads, group);
        }
        (!kept).then_some(group)
    }

    /// Gives a row that stands under `~other` its owner's name, now that there is room for it.
    fn bring_back(&mut self, index: u32, candidate: u32, name: &Name, place: &Place) {
        let row = &mut self.rows[index];
        if let Some(group) = self.groups.of_name_if_room(name, place, row.role) {
            // It is placed by what the tables say, not by its last system call.
            row.owner = Owner::Holder;
            row.tgid = candidate;
            self.plan_move(index, group);
        }
    }

    /// Whether a row that no process holds should be held: it has an owner and a `struct socket`,
    /// as this pass saw it, and nothing has happened to it since.
    fn is_unheld(&self, index: u32) -> bool {
        let row = &self.rows[index];
        let seen = self.pass.as_ref().is_some_and(|pass| row.entered < pass.start)
            && row.seen == self.generation;
        seen && row.is_attached() && !row.has(flag::ORPHAN) && row.owner != Owner::None
    }

    /// Puts a connection that nobody has accepted yet under the owner that its listener has now.
    pub(super) fn follow_listener(&mut self, index: u32) {
        let mut row = self.rows[index];
        if row.has(flag::LIVE) && row.waits() {
            let group = row.group;
            self.inherit(&mut row);
            let target = std::mem::replace(&mut row.group, group);
            self.rows[index] = row;
            if target != group {
                self.plan_move(index, target);
            }
        }
    }
}
