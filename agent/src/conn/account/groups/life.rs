//! How groups get the workload that they waited for, and how they end.
//!
//! Used by `regroup`.

use std::sync::Arc;

use hashbrown::HashSet;

use super::labels::Label;
use super::{ALWAYS, GroupEntry, Groups, IDLE_TTL, WANTED_TTL, number};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;
use crate::conn::nanos::Nanos;
use crate::workload::Key;

impl Groups {
    /// Returns the groups whose workload waits for this key's name.
    pub(in crate::conn) fn waiting(&self, key: Key) -> Vec<GroupId> {
        let workload = WorkloadRef::Pending(key);
        self.indices().filter(|group| self.list[group.position()].workload == workload).collect()
    }

    /// Gives a group its workload if no group of its process has that workload yet. Otherwise
    /// returns the group that has it.
    pub(in crate::conn) fn rename_or_find(
        &mut self,
        group: GroupId,
        workload: &WorkloadRef,
    ) -> Option<GroupId> {
        let waiting = &self.list[group.position()];
        let (process, role) = (Arc::clone(&waiting.process), waiting.role);
        if let Some(found) = self.find(&process, workload, role) {
            return Some(found);
        }
        self.cache.clear();
        self.forget(group);
        let entry = &mut self.list[group.position()];
        self.labels.give_back(entry.label, &entry.share());
        entry.workload = workload.clone();
        if workload.is_unknown() {
            entry.youth = entry.youth.after_waiting();
        }
        self.labels.take(entry.label, entry.share());
        self.remember(group);
        self.give_up_spare_label(group);
        None
    }

    /// Returns the groups whose process has had no row in their workload for [`IDLE_TTL`], or for
    /// [`WANTED_TTL`] while there are groups without a label. A young one ends as soon as what it
    /// did would not count for its age any more.
    pub(in crate::conn) fn idle(&mut self, now: Nanos) -> Vec<GroupId> {
        let awake = |group: &&GroupEntry| {
            group.live && (group.touched || group.workload.is_pending() || !group.is_empty())
        };
        let busy: HashSet<(Arc<str>, Arc<str>)> = (self.list.iter().filter(awake))
            .map(|group| {
                (Arc::clone(&group.process), Arc::clone(group.workload.label(&self.unknown)))
            })
            .collect();
        let ttl = if self.labels.are_wanted() { WANTED_TTL } else { IDLE_TTL };
        let mut idle = Vec::new();
        for (at, group) in self.list.iter_mut().enumerate().filter(|(_, group)| group.live) {
            group.touched = false;
            let name =
                (Arc::clone(&group.process), Arc::clone(group.workload.label(&self.unknown)));
            if busy.contains(&name) {
                group.alive = now;
                continue;
            }
            let ttl = if group.label == Label::Young { self.nursery.age() } else { ttl };
            if at >= ALWAYS && now.saturating_sub(group.alive) >= ttl {
                idle.push(number(at));
            }
        }
        idle
    }

    /// Removes a group that has no rows; `successor`, of the same role, takes what it counted, and
    /// its label if it has none and its share is not used up. What a group without a label
    /// counted was shown as `~other` or `~young` and stays there, and so does what goes to such a
    /// successor.
    /// Returns the group that has the counts.
    pub(in crate::conn) fn remove(&mut self, group: GroupId, successor: GroupId) -> GroupId {
        debug_assert!(group.position() >= ALWAYS, "the groups that are always there do not end");
        debug_assert!(self.list[group.position()].is_empty(), "a group that ends has no rows");
        debug_assert!(
            self.role(group) == self.role(successor),
            "the successor of a group has its role"
        );
        let label = self.list[group.position()].label;
        self.labels.give_back(label, &self.list[group.position()].share());
        if label == Label::Own && !self.is_labelled(successor) {
            let share = self.list[successor.position()].share();
            if self.has_label(&share) {
                self.label(successor);
            }
        }
        let to = match label {
            Label::Own if self.is_labelled(successor) => successor,
            Label::Own | Label::Other => Self::other(self.role(group)),
            Label::Young => Self::young(self.role(group)),
        };
        let GroupEntry { youth, seen, .. } = self.list[group.position()];
        let next = &mut self.list[successor.position()];
        next.youth.take(if next.workload.is_unknown() { youth.after_waiting() } else { youth });
        // What stood under another name has no series there.
        if to == successor && label == Label::Own {
            next.seen.add(seen);
        }
        self.hand_over(group, to);
        self.cache.clear();
        self.forget(group);
        self.list[group.position()].live = false;
        self.free.push(group);
        to
    }

    /// Adds the retransmitted segments of a group to those of another.
    pub(super) fn hand_over(&mut self, group: GroupId, to: GroupId) {
        let counted = std::mem::take(&mut self.list[group.position()].retransmitted);
        let to = &mut self.list[to.position()];
        to.used |= counted.iter().flatten().any(|segments| *segments > 0);
        for (mine, theirs) in to.retransmitted.iter_mut().flatten().zip(counted.iter().flatten()) {
            *mine += theirs;
        }
    }
}
