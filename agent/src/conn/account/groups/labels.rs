//! Which groups have a label of their own, and which have a name only.
//!
//! Used by the groups. Guarantees: at most [`Limits::groups`] have a label; groups whose workload
//! is not known yet may have [`SPARE`] more until it is, and groups with connections that are stuck
//! [`LEAK_PLACES`] more. One workload takes at most three quarters of the labels, and of the names
//! without label, so that it cannot hide the others; where there is no workload, one user does. A
//! label stays with its group until the group ends: a counter never goes down.

use std::cmp::Reverse;
use std::sync::Arc;

use catalogue::labels::Role;
use catalogue::limits::{LEAK_PLACES, SPARE};
use hashbrown::HashMap;

use super::share::Share;
use super::{ALWAYS, GroupEntry, Groups, UNKNOWN, number};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;
use crate::conn::limits::Limits;
use crate::conn::store::age_list::AgeList;
use crate::internal_error::internal_error;

/// A smaller budget is not shared.
const SHARED_FROM: usize = 16;

/// How metrics show a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Under its names.
    Own,
    /// As a part of `~other`.
    Other,
    /// As a part of `~young`, because it is too young for a label.
    Young,
}

/// The number of ways to show a group.
const WAYS: usize = 3;

/// How many groups have a label, and how many have none, besides those that are always there.
pub(super) struct Labels {
    limit: usize,
    names: usize,
    labelled: usize,
    unlabelled: usize,
    young: usize,
    /// The same by share, in the order of [`Label`].
    shares: HashMap<Share, [usize; WAYS]>,
}

impl Labels {
    /// Returns the budgets, as large as numbers of groups allow: names come first, since a name
    /// needs a place before it has a label.
    pub(super) fn new(limits: &Limits) -> Self {
        const MOST: usize = GroupId::COUNT - SPARE - LEAK_PLACES - ALWAYS;
        let names = limits.unlabelled.min(MOST / 2);
        Self {
            limit: limits.groups.min(MOST - names),
            names,
            labelled: 0,
            unlabelled: 0,
            young: 0,
            shares: HashMap::new(),
        }
    }

    /// Begins to count: what is there by now is always there.
    pub(super) fn begin(&mut self) {
        self.labelled = 0;
        self.shares.clear();
    }

    /// Notes a group that is made.
    pub(super) fn take(&mut self, label: Label, share: Share) {
        *self.count(label) += 1;
        self.shares.entry(share).or_default()[label as usize] += 1;
    }

    /// Notes a group that ends.
    pub(super) fn give_back(&mut self, label: Label, share: &Share) {
        let count = self.count(label);
        *count = count.saturating_sub(1);
        let Some(counts) = self.shares.get_mut(share) else {
            internal_error("a group that ends was noted when it was made");
            return;
        };
        counts[label as usize] = counts[label as usize].saturating_sub(1);
        if *counts == [0; WAYS] {
            self.shares.remove(share);
        }
    }

    /// Returns how many groups of a share have a label.
    fn of(&self, share: &Share) -> usize {
        self.shares.get(share).map_or(0, |counts| counts[Label::Own as usize])
    }

    /// Returns how many groups of a share have a name only.
    fn names_of(&self, share: &Share) -> usize {
        self.shares.get(share).map_or(0, names)
    }

    /// Returns whose groups without a label are the most.
    pub(super) fn with_most_names(&self) -> Option<&Share> {
        let names = |(_, counts): &(&Share, &[usize; WAYS])| names(counts);
        self.shares.iter().max_by_key(names).filter(|of| names(of) > 0).map(|(share, _)| share)
    }

    /// Returns the most groups that there can be, besides those that are always there.
    pub(super) const fn most(&self) -> usize {
        self.limit + SPARE + LEAK_PLACES + self.names
    }

    /// Returns whether a group that is old enough has no label.
    pub(super) const fn are_wanted(&self) -> bool {
        self.unlabelled > 0
    }

    /// Returns whether a group is too young for a label.
    pub(super) const fn has_young(&self) -> bool {
        self.young > 0
    }

    const fn count(&mut self, label: Label) -> &mut usize {
        match label {
            Label::Own => &mut self.labelled,
            Label::Other => &mut self.unlabelled,
            Label::Young => &mut self.young,
        }
    }
}

/// Returns how many of these counts are groups with a name only.
const fn names(counts: &[usize; WAYS]) -> usize {
    counts[Label::Other as usize] + counts[Label::Young as usize]
}

/// Returns whether the last quarter of a budget is left, which is kept for shares with less than
/// the rest.
const fn is_scarce(used: usize, limit: usize) -> bool {
    limit >= SHARED_FROM && used >= limit - limit / 4
}

impl Groups {
    /// Returns whether a group is one of those for what is beyond the budgets.
    pub(crate) fn is_other(group: GroupId) -> bool {
        (Role::COUNT..ALWAYS).contains(&group.position())
    }

    /// Returns whether a new group of a process gets a label, or a name only; `None` if there is no
    /// room for either. Rows without an owner have no name. A name is young first, in whichever
    /// role it comes.
    pub(super) fn room(
        &self,
        process: &Arc<str>,
        workload: &WorkloadRef,
        user: Option<u32>,
    ) -> Option<Label> {
        let share = &Share::of(workload, user);
        let &Labels { names, unlabelled, young, .. } = &self.labels;
        let is_name = **process != *UNKNOWN;
        let taken = unlabelled + young;
        let has_name = || {
            let its = self.labels.names_of(share);
            is_name && taken < names && Self::has_share(share, its, taken, names)
        };
        if is_name && self.nursery.is_open() && !self.is_grown(process, workload) {
            return has_name().then_some(Label::Young);
        }
        if self.has_label(share) { Some(Label::Own) } else { has_name().then_some(Label::Other) }
    }

    pub(super) fn has_label(&self, share: &Share) -> bool {
        let &Labels { limit, labelled, .. } = &self.labels;
        let is_pending = matches!(share, Share::Workload(workload) if workload.is_pending());
        let besides = if is_pending { SPARE } else { 0 };
        let its = self.labels.of(share);
        labelled < limit + besides && Self::has_share(share, its, labelled, limit)
    }

    /// Returns whether a share that has `its` of a budget is not used up, or the budget is not
    /// scarce.
    fn has_share(of: &Share, its: usize, used: usize, limit: usize) -> bool {
        !is_scarce(used, limit) || *of != Share::Anyone && its < limit - limit / 4
    }

    /// Takes a group's label if it was a spare one and the name of its workload is known now. What
    /// it has counted was held back until then, so no series of it ends.
    pub(super) fn give_up_spare_label(&mut self, group: GroupId) {
        let &Labels { limit, names, labelled, unlabelled, young, .. } = &self.labels;
        let entry = &self.list[group.position()];
        if entry.label != Label::Own || unlabelled + young >= names {
            return;
        }
        let before = labelled.saturating_sub(1);
        let its = self.labels.of(&entry.share());
        if before >= limit || is_scarce(before, limit) && its > limit - limit / 4 {
            self.set_label(group, Label::Other);
        }
    }

    /// Gives labels that are free to groups that have none and hold rows: first to those with the
    /// most connections that are stuck, then to those with the most rows.
    pub(in crate::conn) fn label_waiting(&mut self) {
        if !self.labels.are_wanted() {
            return;
        }
        let waits =
            |group: &GroupEntry| group.live && group.label == Label::Other && !group.is_empty();
        let mut waiting: Vec<_> = (self.list.iter().enumerate())
            .filter(|(_, group)| waits(group))
            .map(|(at, group)| (Reverse(group.stuck()), Reverse(group.rows()), at))
            .collect();
        waiting.sort_unstable();
        for (Reverse(stuck), _, at) in waiting {
            let share = self.list[at].share();
            if stuck > 0 && self.has_leak_place(&share) || self.has_label(&share) {
                self.label(number(at));
            }
        }
    }

    /// Returns whether there is a place for a leak: a share is at most three quarters of the labels
    /// and all of these places.
    fn has_leak_place(&self, share: &Share) -> bool {
        let &Labels { limit, labelled, .. } = &self.labels;
        let its = self.labels.of(share);
        let most = if limit >= SHARED_FROM { limit - limit / 4 } else { limit };
        labelled < limit + SPARE + LEAK_PLACES && its < most + LEAK_PLACES
    }

    /// Gives a group a label. What it has counted was shown as `~other` or `~young` and stays
    /// there.
    pub(super) fn label(&mut self, group: GroupId) {
        self.hand_over(group, self.shown_as(group));
        self.set_label(group, Label::Own);
    }

    /// Notes the user of a socket that comes to a group.
    pub(super) fn meet_user(&mut self, group: GroupId, user: Option<u32>) {
        let entry = &mut self.list[group.position()];
        let users = entry.users.with(user);
        if users == entry.users || group.position() < ALWAYS {
            return;
        }
        let (label, before) = (entry.label, entry.share());
        entry.users = users;
        let share = entry.share();
        self.labels.give_back(label, &before);
        self.labels.take(label, share);
    }

    pub(super) fn set_label(&mut self, group: GroupId, label: Label) {
        let entry = &mut self.list[group.position()];
        let before = std::mem::replace(&mut entry.label, label);
        let share = entry.share();
        self.labels.give_back(before, &share);
        self.labels.take(label, share);
    }
}

impl GroupEntry {
    /// Returns whose share of the budgets it takes.
    pub(super) fn share(&self) -> Share {
        Share::of(&self.workload, self.users.only())
    }

    /// Returns how many of its connections are older than the first age from which one is stuck.
    fn stuck(&self) -> u32 {
        self.lists.iter().map(AgeList::older).sum()
    }

    /// Returns how many rows it has that a process has a descriptor of.
    pub(super) fn rows(&self) -> u32 {
        self.lists.iter().map(AgeList::len).sum()
    }
}
