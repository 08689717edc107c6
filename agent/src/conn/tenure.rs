//! How long names last: rows get the workload that they waited for, and groups and services of
//! processes that are gone give their labels back.
//!
//! Called by the resolver (`see`, `wanted`, `tell`) and by the ingest thread (`tidy`, `settle`).
//! Guarantees: a counter never goes down while its series stands, and what a removed series had
//! counted is in the one of `~other`, so the sum over a family never goes down.

use std::sync::Arc;

use super::groups::Groups;
use super::moves::RUN;
use super::rows::flag;
use super::table::Table;
use super::workloads::Place;
use crate::workload::{Key, Sight, Workload};

/// The rows that may change groups while whoever tells a workload waits.
const AT_ONCE: usize = 4096;

/// What the resolver is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys that wait for their workload.
    pub keys: Vec<Key>,
    /// Processes whose workload is remembered, to be confirmed now and then.
    pub processes: Vec<u32>,
}

impl Table {
    /// From here on workloads are resolved, as far as this reaches; before, every workload is
    /// `host`.
    pub fn see_workloads(&mut self, sight: Sight) {
        self.workloads.see(sight);
    }

    /// Whether a workload waits for its name.
    #[must_use]
    pub fn wants_workloads(&self) -> bool {
        self.workloads.wants()
    }

    /// What the table would like to know of workloads.
    #[must_use]
    pub fn wanted_workloads(&self) -> Wanted {
        Wanted { keys: self.workloads.wanted(), processes: self.workloads.processes() }
    }

    /// Takes what keys stand for; `None` for one that is not there any more. What is to be done for
    /// many rows is left to [`Self::settle`].
    pub fn tell_workloads(
        &mut self,
        answers: impl IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
        now: u64,
    ) {
        let before = self.settling.len();
        for (key, workload) in answers {
            if self.workloads.tell(key, workload.as_ref(), now) {
                self.settling.push((key, Place::Named(self.workloads.of(key))));
            }
        }
        if self.settling.len() > before {
            self.settle(AT_ONCE);
        }
    }

    /// Goes on bringing the groups that waited for a key to its workload, past about `places` rows,
    /// or one run of moves where that is more; whether there is more to do. Those whose process
    /// has a group there already go into that one. Each row is shown where it stands; what its
    /// group has counted comes with the last of them.
    pub fn settle(&mut self, places: usize) -> bool {
        let mut budget = places.max(1);
        while budget > 0
            && let Some((key, place)) = self.settling.last().cloned()
        {
            if self.moves.are_done() {
                budget = budget.saturating_sub(self.settle_key(key, &place));
            } else {
                self.make_moves(&mut budget);
            }
        }
        self.services.settling = !self.settling.is_empty();
        self.services.settling
    }

    /// Renames the groups of a key, plans the next moves for one that cannot be renamed, or ends
    /// it, or the key; returns what that cost, in rows. No move may be under way: it would name
    /// a group that is given up.
    fn settle_key(&mut self, key: Key, place: &Place) -> usize {
        let looked = 1 + usize::from(self.groups.len()) / 16;
        let waiting = self.groups.waiting(key);
        let Some((group, heir)) =
            waiting.into_iter().find_map(|group| Some((group, self.groups.settle(group, place)?)))
        else {
            self.settling.pop();
            return looked;
        };
        let rows = self.groups.first_rows(group, &self.rows, RUN);
        for index in &rows {
            self.plan_firm_move(*index, heir);
        }
        if rows.is_empty() {
            self.give_up(group, heir);
        }
        looked + rows.len()
    }

    /// Gives back what nobody has used for the grace time. Due every few seconds.
    pub fn tidy(&mut self, now: u64) {
        let late = self.workloads.expire(now);
        self.tell_workloads(late.into_iter().map(|late| (late, None)), now);
        // A move that is planned names its group. A pass makes its moves by itself, and so does
        // `settle`; the next call is early enough.
        if !self.moves.are_done() {
            return;
        }
        for group in self.groups.idle(now) {
            let other = Groups::other(self.groups.role(group));
            self.give_up(group, other);
        }
    }

    /// Removes a group that has no rows; another takes what it counted.
    fn give_up(&mut self, group: u16, heir: u16) {
        self.services.bequeath(group, heir);
        self.groups.remove(group, heir);
        if let Some(pass) = &mut self.pass {
            pass.sums.rename(group, heir);
        }
    }

    /// Rows whose workload was not known go where they belong by now, at the end of a pass: those
    /// that it found no owner for (while it reads, most get one a little later, and a group
    /// that is made too early takes the place of another), and those that came while too many
    /// keys were waiting.
    pub(super) fn place_row(&mut self, index: u32) {
        let row = &self.rows[index];
        if !row.has(flag::LIVE) || !self.groups.is_nowhere(row.group) {
            return;
        }
        let place = self.workloads.place_again(row.cgroup, row.tgid);
        let group = self.groups.sibling_if_room(row.group, &place, row.role);
        if let Some(group) = group.filter(|group| *group != row.group) {
            self.plan_firm_move(index, group);
        }
    }
}
