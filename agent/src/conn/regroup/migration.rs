//! How the groups of a cgroup get the workload that they waited for.
//!
//! The names come from the resolver thread; the ingest thread then moves the rows in slices. A
//! group is renamed if no group of its process has the name yet. Otherwise its rows move to the
//! group that has it. Guarantees: each row is shown under the group that it is in. What a group has
//! counted follows with the last of its rows.

use std::sync::Arc;

use super::queue::{Drained, RUN, RegroupQueue};
use super::retirement::retire;
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::collect::sums::Sums;
use crate::conn::core::Core;
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::workload::{Key, Workload};

/// The rows that may change groups while the resolver thread holds the table.
const AT_ONCE: Budget = Budget::rows(4096);

/// What the table asks the resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys that wait for their workload.
    pub keys: Vec<Key>,
    /// Processes whose remembered workload should be confirmed now and then.
    pub processes: Vec<u32>,
}

/// Keys whose workload is known, but not yet given to all of their groups.
#[derive(Default)]
pub(crate) struct Migrations {
    pub(crate) keys: Vec<(Key, WorkloadRef)>,
}

impl Migrations {
    /// Takes what keys stand for; `None` means that the key no longer exists. Moves the first rows
    /// and leaves the others to [`Self::step`].
    pub(crate) fn resolve(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        sums: Option<&mut Sums>,
        answers: impl IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
        now: Nanos,
    ) {
        let before = self.keys.len();
        for (key, workload) in answers {
            if core.workloads.tell(key, workload.as_ref(), now) {
                let workload = core.workloads.of(key);
                core.troubles.name(key, &workload.name, &core.workloads.unknown.name);
                self.keys.push((key, WorkloadRef::Named(workload)));
            }
        }
        if self.keys.len() > before {
            self.step(core, queue, sums, AT_ONCE);
        }
    }

    /// Continues over about as many rows as `budget` says, or over one run of moves if that is
    /// more. Returns whether there is more to do.
    pub(crate) fn step(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        mut sums: Option<&mut Sums>,
        mut budget: Budget,
    ) -> bool {
        while !budget.is_spent()
            && let Some((key, workload)) = self.keys.last().cloned()
        {
            match queue.drained() {
                Some(drained) => {
                    budget.spend(self.migrate(core, drained, sums.as_deref_mut(), key, &workload));
                }
                None => queue.step(core, &mut budget),
            }
        }
        core.services.merging = !self.keys.is_empty();
        core.services.merging
    }

    /// Does one piece of work on a key: renames its groups, plans the moves of a group that cannot
    /// be renamed, or ends such a group or the key. Returns the cost in rows.
    fn migrate(
        &mut self,
        core: &mut Core,
        drained: Drained<'_>,
        sums: Option<&mut Sums>,
        key: Key,
        workload: &WorkloadRef,
    ) -> usize {
        let looked = 1 + core.groups.len() / 16;
        let waiting = core.groups.waiting(key);
        let Some((group, successor)) = waiting
            .into_iter()
            .find_map(|group| Some((group, core.groups.rename_or_find(group, workload)?)))
        else {
            self.keys.pop();
            return looked;
        };
        let rows = core.groups.first_rows(group, &core.rows, RUN);
        if rows.is_empty() {
            retire(core, sums, &drained, group, successor);
        }
        drained.enqueue_all(core, &rows, successor);
        looked + rows.len()
    }
}
