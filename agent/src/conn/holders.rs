//! Which process holds a socket now: the descriptor tables of all processes held against the rows.
//!
//! Part of a reconcile pass. While the tables are read every row notes its best holder and how many
//! there are; when they have been read to the end, the rows whose owner is another, or has another name by now,
//! change hands. Nothing is decided before, because a row's present owner may come last.
//!
//! Of several holders the present owner stays: a process that forks and keeps its descriptor goes on to
//! be the one that is named, and `holders` tells of the others. Where it holds the socket no longer, the
//! lowest process id counts. Process 1 and the agent give way to any other holder: a service manager keeps
//! the listeners that it made for others, the agent what its parent forgot to close.
//!
//! A socket that has a `struct socket` and that no process holds keeps its last owner, as
//! [`Owner::Gone`]: its descriptor is in flight in a unix socket, registered with an io_uring alone, or
//! a part of the kernel uses it. A child that waits in its listener's accept queue follows the listener;
//! an orphan, which the kernel closes by itself, stays with the process that let it go.
//!
//! Process ids are those of the initial pid namespace. The tables are those of the processes that the
//! agent's own pid namespace shows; threads with a table of their own are walked apart
//! (`task_seq_get_next`, 5.10).

use std::collections::HashSet;

use agent_common::record::Holder;
use hashbrown::HashMap;

use super::groups::Groups;
use super::labels::SocketState;
use super::owner::{Name, Owner};
use super::rows::{Row, flag, seen};
use super::table::Table;
use super::workloads::Place;

/// The most processes whose names are kept during a pass; those beyond are counted, and own nothing new.
pub(super) const MOST_PROCESSES: usize = 1 << 16;

/// The process that keeps sockets for others.
const INIT: u32 = 1;

/// The processes that a reading of the descriptor tables has met.
#[derive(Default)]
pub(super) struct Processes {
    names: HashMap<u32, [u8; 16]>,
    /// The one whose descriptors come now.
    current: u32,
    /// Changes with it, so that a row can tell two descriptors of one process from two processes.
    run: u16,
}

impl Processes {
    /// Notes whose descriptor this is; false where the process is one too many.
    fn meet(&mut self, entry: &Holder) -> bool {
        if self.current == entry.tgid {
            return self.names.contains_key(&entry.tgid);
        }
        self.current = entry.tgid;
        self.run = self.run.wrapping_add(1);
        if self.names.len() < MOST_PROCESSES {
            self.names.insert(entry.tgid, entry.comm);
        }
        self.names.contains_key(&entry.tgid)
    }
}

impl Table {
    /// Notes a holder of a socket; what follows from it is decided when the pass ends.
    pub fn pass_holder(&mut self, entry: &Holder) {
        let (generation, reader) = (self.generation, self.reader);
        let Some(processes) = self.pass.as_mut().map(|pass| &mut pass.processes) else { return };
        if entry.tgid == 0 {
            return;
        }
        let (named, run) = (processes.meet(entry), processes.run);
        let Some(index) = self.find(entry.sk) else { return };
        let row = &mut self.rows[index];
        let first = row.held != generation;
        if first {
            (row.held, row.holders, row.candidate) = (generation, 0, 0);
        }
        if first || row.run != run {
            row.run = run;
            row.holders = row.holders.saturating_add(1);
        }
        let rank = |tgid: u32| match tgid {
            0 => (3, 0),
            _ if tgid == INIT || tgid == reader => (2, tgid),
            _ if tgid == row.tgid => (0, tgid),
            _ => (1, tgid),
        };
        if named && rank(entry.tgid) < rank(row.candidate) {
            row.candidate = entry.tgid;
        }
    }

    /// Gives the rows to those who held them when the descriptor tables were read, from the moment
    /// `walked` on. Sets how many rows nobody holds, and how many more than one process does.
    pub(super) fn settle_owners(&mut self, walked: u64) {
        let (mut unheld, mut shared, mut listeners_moved) = (0, 0, false);
        for index in 0..self.rows.top() {
            let row = &self.rows[index];
            if !row.has(flag::LIVE) || row.is_born_since(walked) {
                continue;
            }
            if row.held == self.generation {
                shared += u64::from(row.holders > 1 && row.state != SocketState::Listen);
                let moved = self.hand_over(index, walked);
                listeners_moved |= moved && self.rows[index].state == SocketState::Listen;
                continue;
            }
            let gone = self.is_unheld(index);
            let row = &mut self.rows[index];
            // The numbers of passes come round again.
            row.held = seen::MISSED;
            if row.entered < walked {
                row.holders = 0;
            }
            if gone {
                row.owner = Owner::Gone;
                unheld += 1;
            }
        }
        self.apply_moves();
        if listeners_moved {
            self.follow_listeners();
        }
        self.books.unheld = unheld;
        self.books.shared = shared;
        self.books.owners_read = Some(walked);
        self.cuts.walk(walked);
        self.groups.advance(&self.rows, &self.cuts);
    }

    /// Since when the row waits that has been longest in a leak state without a reading of the
    /// descriptor tables after it entered it; `CLOCK_MONOTONIC` nanoseconds.
    #[must_use]
    pub fn unverified_since(&self) -> Option<u64> {
        self.groups.unverified_since(&self.rows)
    }

    /// Whether rows that are in use belong to one of these processes. The kernel closes the sockets of
    /// a process that ends: one that is left in a state where it can still be used is held by another.
    #[must_use]
    pub fn outlives(&self, ended: &HashSet<u32>) -> bool {
        use SocketState::{CloseWait, Established, Listen, SynSent};
        let in_use = |row: &Row| matches!(row.state, CloseWait | Established | Listen | SynSent) && row.owner > Owner::Gone;
        self.rows.iter().any(|row| in_use(row) && ended.contains(&row.tgid))
    }

    /// Gives a row to its best holder, under the name that it has now; whether that changed its group.
    fn hand_over(&mut self, index: u32, walked: u64) -> bool {
        let row = self.rows[index];
        // A system call on the socket after the tables were read knows better.
        if row.owner == Owner::Exact && row.entered >= walked {
            return false;
        }
        let Some(comm) = self.pass.as_ref().and_then(|pass| pass.processes.names.get(&row.candidate)) else { return false };
        let name = Name::from_comm(comm);
        let place = self.workloads.place_again(row.cgroup, row.candidate);
        if Groups::is_other(row.group) {
            self.bring_back(index, &name, &place);
        }
        let kept = self.groups.keeps(&row, &name, &place, row.candidate);
        if kept && row.owner == Owner::Exact && row.tgid == row.candidate {
            return false;
        }
        let group = if kept { row.group } else { self.groups.of_name(&name, &place, row.role) };
        self.books.unattributed -= u64::from(row.owner == Owner::None);
        self.rows[index].tgid = row.candidate;
        self.rows[index].owner = Owner::Holder;
        if !kept {
            self.plan_move(index, group);
        }
        !kept || row.tgid != row.candidate
    }

    /// Gives a row that stands under `~other` its owner's name, now that there is room for it.
    fn bring_back(&mut self, index: u32, name: &Name, place: &Place) {
        let row = &mut self.rows[index];
        if let Some(group) = self.groups.of_name_if_room(name, place, row.role) {
            // It is placed by what the tables say, not by its last system call.
            row.owner = Owner::Holder;
            row.tgid = row.candidate;
            self.plan_move(index, group);
        }
    }

    /// Whether a row that no process holds should be held: it has an owner and a `struct socket`, as
    /// this pass saw it, and nothing has happened to it since.
    fn is_unheld(&self, index: u32) -> bool {
        let row = &self.rows[index];
        let seen = self.pass.as_ref().is_some_and(|pass| row.entered < pass.start) && row.seen == self.generation;
        seen && row.attached && !row.has(flag::ORPHAN) && row.owner != Owner::None
    }

    /// Puts the connections that nobody has accepted yet under the owner that their listener has now.
    fn follow_listeners(&mut self) {
        for index in 0..self.rows.top() {
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
        self.apply_moves();
    }
}
