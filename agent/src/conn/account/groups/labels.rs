//! Which groups have a label of their own, and which have a name only.
//!
//! Used by the groups. Guarantees: at most [`Limits::groups`] have a label; groups whose workload
//! is not known yet may have [`SPARE`] more until it is, and groups with connections that are stuck
//! [`LEAK_PLACES`] more. One workload takes at most three quarters of the labels, and of the names
//! without label, so that it cannot hide the others. A label stays with its group until the group
//! ends: a counter never goes down.

use std::cmp::Reverse;
use std::sync::Arc;

use catalogue::labels::Role;
use catalogue::limits::{LEAK_PLACES, SPARE};
use hashbrown::HashMap;

use super::{ALWAYS, GroupEntry, Groups, UNKNOWN, number};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;
use crate::conn::limits::Limits;
use crate::conn::store::age_list::AgeList;
use crate::internal_error::internal_error;

/// A smaller budget is not shared between workloads.
const SHARED_FROM: usize = 16;

/// How metrics show a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Under its names.
    Own,
    /// As a part of `~other`.
    Other,
}

/// How many groups have a label, and how many have none, besides those that are always there.
pub(super) struct Labels {
    limit: usize,
    names: usize,
    labelled: usize,
    unlabelled: usize,
    /// The same by workload, in the order of [`Label`].
    shares: HashMap<WorkloadRef, [usize; 2]>,
}

impl Labels {
    /// Returns the budgets, as large as numbers of groups allow.
    pub(super) fn new(limits: &Limits) -> Self {
        const MOST: usize = GroupId::COUNT - SPARE - LEAK_PLACES - ALWAYS;
        let limit = limits.groups.min(MOST);
        Self {
            limit,
            names: limits.unlabelled.min(MOST - limit),
            labelled: 0,
            unlabelled: 0,
            shares: HashMap::new(),
        }
    }

    /// Begins to count: what is there by now is always there.
    pub(super) fn begin(&mut self) {
        self.labelled = 0;
        self.shares.clear();
    }

    /// Notes a group that is made.
    pub(super) fn take(&mut self, label: Label, workload: &WorkloadRef) {
        *self.count(label) += 1;
        self.shares.entry(workload.clone()).or_default()[label as usize] += 1;
    }

    /// Notes a group that ends.
    pub(super) fn give_back(&mut self, label: Label, workload: &WorkloadRef) {
        let count = self.count(label);
        *count = count.saturating_sub(1);
        let Some(share) = self.shares.get_mut(workload) else {
            internal_error("a group that ends was noted when it was made");
            return;
        };
        share[label as usize] = share[label as usize].saturating_sub(1);
        if *share == [0; 2] {
            self.shares.remove(workload);
        }
    }

    /// Returns how many groups of a workload are shown in this way.
    fn of(&self, workload: &WorkloadRef, label: Label) -> usize {
        self.shares.get(workload).map_or(0, |share| share[label as usize])
    }

    /// Returns the most groups that there can be, besides those that are always there.
    pub(super) const fn most(&self) -> usize {
        self.limit + SPARE + LEAK_PLACES + self.names
    }

    /// Returns whether a group has no label.
    pub(super) const fn are_wanted(&self) -> bool {
        self.unlabelled > 0
    }

    const fn count(&mut self, label: Label) -> &mut usize {
        match label {
            Label::Own => &mut self.labelled,
            Label::Other => &mut self.unlabelled,
        }
    }
}

/// Returns whether the last quarter of a budget is left, which is kept for workloads with less than
/// the rest.
const fn is_scarce(used: usize, limit: usize) -> bool {
    limit >= SHARED_FROM && used >= limit - limit / 4
}

impl Groups {
    /// Returns whether a group is one of those for what is beyond the budgets.
    pub(crate) fn is_other(group: GroupId) -> bool {
        (Role::COUNT..ALWAYS).contains(&group.position())
    }

    /// Returns whether a group has a label of its own.
    pub(crate) fn is_labelled(&self, group: GroupId) -> bool {
        self.list[group.position()].label == Label::Own
    }

    /// Returns the names of a group's process and workload as metrics show them.
    pub(crate) fn shown_labels(&self, group: GroupId) -> (Arc<str>, Arc<str>) {
        self.labels(if self.is_labelled(group) { group } else { Self::other(self.role(group)) })
    }

    /// Returns whether a new group of a process gets a label, or a name only; `None` if there is no
    /// room for either. Rows without an owner have no name.
    pub(super) fn room(&self, process: &Arc<str>, workload: &WorkloadRef) -> Option<Label> {
        let &Labels { names, unlabelled, .. } = &self.labels;
        let has_name = || {
            **process != *UNKNOWN
                && unlabelled < names
                && self.has_share(workload, Label::Other, unlabelled, names)
        };
        if self.has_label(workload) { Some(Label::Own) } else { has_name().then_some(Label::Other) }
    }

    pub(super) fn has_label(&self, workload: &WorkloadRef) -> bool {
        let &Labels { limit, labelled, .. } = &self.labels;
        let spare = if workload.is_pending() { SPARE } else { 0 };
        labelled < limit + spare && self.has_share(workload, Label::Own, labelled, limit)
    }

    /// Returns whether a workload has less than its share of a budget, or the budget is not scarce.
    fn has_share(&self, of: &WorkloadRef, label: Label, used: usize, limit: usize) -> bool {
        !is_scarce(used, limit) || self.labels.of(of, label) < limit - limit / 4
    }

    /// Takes a group's label if it was a spare one and the name of its workload is known now. What
    /// it has counted was held back until then, so no series of it ends.
    pub(super) fn give_up_spare_label(&mut self, group: GroupId) {
        let &Labels { limit, names, labelled, unlabelled, .. } = &self.labels;
        let entry = &self.list[group.position()];
        if entry.label == Label::Other || unlabelled >= names {
            return;
        }
        let before = labelled.saturating_sub(1);
        let its = self.labels.of(&entry.workload, Label::Own);
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
            let workload = &self.list[at].workload;
            if stuck > 0 && self.has_leak_place(workload) || self.has_label(workload) {
                self.label(number(at));
            }
        }
    }

    /// Returns whether there is a place for a leak of a workload: one has no more than its share of
    /// the labels and all of these places.
    fn has_leak_place(&self, workload: &WorkloadRef) -> bool {
        let &Labels { limit, labelled, .. } = &self.labels;
        let its = self.labels.of(workload, Label::Own);
        let share = if limit >= SHARED_FROM { limit - limit / 4 } else { limit };
        labelled < limit + SPARE + LEAK_PLACES && its < share + LEAK_PLACES
    }

    /// Gives a group a label. What it has counted was shown as `~other` and stays there.
    pub(super) fn label(&mut self, group: GroupId) {
        self.hand_over(group, Self::other(self.role(group)));
        self.set_label(group, Label::Own);
    }

    fn set_label(&mut self, group: GroupId, label: Label) {
        let entry = &mut self.list[group.position()];
        let before = std::mem::replace(&mut entry.label, label);
        self.labels.give_back(before, &entry.workload);
        self.labels.take(label, &entry.workload);
    }
}

impl GroupEntry {
    /// Returns how many of its connections are older than the first age from which one is stuck.
    fn stuck(&self) -> u32 {
        self.lists.iter().map(AgeList::older).sum()
    }

    fn rows(&self) -> u32 {
        self.lists.iter().map(AgeList::len).sum()
    }
}
