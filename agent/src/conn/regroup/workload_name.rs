//! Moves rows whose workload was not known to the group that they belong to by now.

use super::queue::RegroupQueue;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::socket::row::flag;

/// Moves a row whose workload was not known to the group that it belongs to by now, at the end of a
/// pass. One kind has no owner: a group made for it during the reading, when most rows still find
/// one, would take the room of another. The other kind came while too many keys were waiting.
#[inline]
pub(crate) fn name_workload(core: &mut Core, queue: &mut RegroupQueue, index: RowId) {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) || !core.groups.has_unknown_workload(row.group) {
        return;
    }
    let workload = core.workloads.find_uncounted(row.cgroup, row.tgid);
    let group = core.groups.sibling_if_room(row.group, &workload, row.role);
    if let Some(group) = group.filter(|group| *group != row.group) {
        queue.enqueue_if_unmoved(core, index, group);
    }
}
