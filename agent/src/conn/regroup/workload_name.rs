//! Rows whose workload was not known go where they belong by now.

use super::queue::RegroupQueue;
use crate::conn::core::Core;
use crate::conn::socket::row::flag;

/// Rows whose workload was not known go where they belong by now, at the end of a pass: those that
/// it found no owner for (while it reads, most get one a little later, and a group that is made too
/// early takes the place of another), and those that came while too many keys were waiting.
#[inline]
pub(crate) fn name_workload(core: &mut Core, queue: &mut RegroupQueue, index: u32) {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) || !core.groups.has_unknown_workload(row.group) {
        return;
    }
    let place = core.workloads.place_uncounted(row.cgroup, row.tgid);
    let group = core.groups.sibling_if_room(row.group, &place, row.role);
    if let Some(group) = group.filter(|group| *group != row.group) {
        queue.enqueue_if_unmoved(core, index, group);
    }
}
