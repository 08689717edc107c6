//! Which process a row belongs to, once the descriptor tables have been read to the end.

use catalogue::labels::SocketState;

use super::accepters::Accepted;
use super::pass::Pass;
use crate::conn::account::group_cache::CacheKey;
use crate::conn::account::groups::Groups;
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::core::Core;
use crate::conn::ids::{GroupId, RowId};
use crate::conn::nanos::Nanos;
use crate::conn::regroup::queue::RegroupQueue;
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::name::Name;
use crate::conn::socket::row::flag;

/// The counts of one attribution over all rows.
#[derive(Default)]
pub(crate) struct Tally {
    /// Rows in use that no process holds.
    pub(crate) unheld: u64,
    /// Rows that more than one process holds.
    pub(crate) shared: u64,
    /// Whether a listener has got another owner.
    pub(crate) listeners_moved: bool,
    /// Who holds what was accepted at shared listeners.
    pub(crate) accepted: Accepted,
}

impl Pass {
    /// Assigns a row to the process that held it when the descriptor tables were read, from the
    /// moment `walked` on. Counts the row if no process holds it, or more than one.
    #[inline]
    pub(crate) fn attribute_row(
        &self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        index: RowId,
        walked: Nanos,
        tally: &mut Tally,
    ) {
        let mark = self.holders.mark(index);
        let row = &mut core.rows[index];
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
            tally.shared += u64::from(row.holders > 1 && row.state != SocketState::Listen);
            if self.holders.has_shared_listeners() {
                tally.accepted.add(core, &core.rows[index], mark.candidate, &self.holders);
            }
            let moved = self.assign_to_holder(core, queue, index, walked, mark.candidate);
            tally.listeners_moved |= moved && core.rows[index].state == SocketState::Listen;
            return;
        }
        let unheld = self.is_unheld(core, index);
        let row = &mut core.rows[index];
        if row.entered < walked {
            row.holders = 0;
        }
        if unheld {
            row.attribution = Attribution::Elsewhere;
            tally.unheld += 1;
        }
    }

    /// Assigns the row to its best holder, under that process's current name. Returns whether the
    /// row changes groups.
    #[inline]
    pub(super) fn assign_to_holder(
        &self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        index: RowId,
        walked: Nanos,
        candidate: u32,
    ) -> bool {
        let row = &core.rows[index];
        let (before, tgid) = (row.attribution, row.tgid);
        // A system call on the socket after the tables were read is newer evidence.
        if before == Attribution::FromSyscall && row.entered >= walked {
            return false;
        }
        let Some(process) = self.holders.process(candidate) else { return false };
        let other = group_of_holder(core, queue, index, candidate, &process.comm);
        let is_known = matches!(before, Attribution::FromSyscall | Attribution::FromDescriptors);
        if other.is_none() && is_known && tgid == candidate {
            return false;
        }
        core.counters.attributed(before == Attribution::None);
        let row = &mut core.rows[index];
        row.tgid = candidate;
        row.attribution = Attribution::FromDescriptors;
        if let Some(group) = other {
            queue.enqueue(core, index, group);
        }
        other.is_some() || tgid != candidate
    }

    /// Returns whether a row that no process holds is held elsewhere: it has an owner, it had a
    /// `struct socket` when this pass saw it, and nothing has happened to it since.
    #[inline]
    fn is_unheld(&self, core: &Core, index: RowId) -> bool {
        let row = &core.rows[index];
        let seen = (row.entered < self.start) && row.seen == self.number;
        seen && row.is_attached() && !row.has(flag::ORPHAN) && row.attribution != Attribution::None
    }
}

/// Returns the group that a row belongs to by its holder's name; `None` if it is there already.
#[inline]
fn group_of_holder(
    core: &mut Core,
    queue: &mut RegroupQueue,
    index: RowId,
    candidate: u32,
    comm: &[u8; 16],
) -> Option<GroupId> {
    let row = &core.rows[index];
    let key = CacheKey::name(comm, row.cgroup, candidate, row.role.index());
    match core.groups.cached_group(key, &core.workloads) {
        Some(group) if !Groups::is_other(row.group) => (group != row.group).then_some(group),
        _ => look_up_group(core, queue, index, candidate, comm, key),
    }
}

/// Returns the same without the cache.
#[cold]
fn look_up_group(
    core: &mut Core,
    queue: &mut RegroupQueue,
    index: RowId,
    candidate: u32,
    comm: &[u8; 16],
    key: CacheKey,
) -> Option<GroupId> {
    let row = core.rows[index];
    let name = Name::from_comm(comm);
    let workload = core.workloads.find_uncounted(row.cgroup, candidate);
    if Groups::is_other(row.group) {
        leave_other(core, queue, index, candidate, &name, &workload);
    }
    let kept = core.groups.keeps(&row, &name, &workload, candidate);
    let group =
        if kept { row.group } else { core.groups.of_name(&name, &workload, row.role, None) };
    // A row in `~other` may be there because there is no room; that is counted when a record brings
    // it.
    if core.groups.is_cacheable(group)
        && core.groups.is(group, name.as_str(), &workload, row.role)
        && !core.groups.has_unknown_workload(group)
    {
        core.groups.cache_group(key, &core.workloads, group);
    }
    (!kept).then_some(group)
}

/// Moves a row from `~other` to a group of its owner's name, if there is room for one now.
fn leave_other(
    core: &mut Core,
    queue: &mut RegroupQueue,
    index: RowId,
    candidate: u32,
    name: &Name,
    workload: &WorkloadRef,
) {
    let row = &mut core.rows[index];
    if let Some(group) = core.groups.of_name_if_room(name, workload, row.role) {
        // The descriptor tables decide its group, not its last system call.
        row.attribution = Attribution::FromDescriptors;
        row.tgid = candidate;
        queue.enqueue(core, index, group);
    }
}

/// Assigns a connection that no process has accepted yet to the present owner of its listener.
pub(crate) fn follow_listener(core: &mut Core, queue: &mut RegroupQueue, index: RowId) {
    let mut row = core.rows[index];
    if row.has(flag::LIVE) && row.waits() {
        let group = row.group;
        core.inherit(&mut row);
        let target = std::mem::replace(&mut row.group, group);
        core.rows[index] = row;
        if target != group {
            queue.enqueue(core, index, target);
        }
    }
}
