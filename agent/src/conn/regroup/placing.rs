//! Rows whose workload was not known go where they belong by now.

use super::queue::Moves;
use crate::conn::core::Core;
use crate::conn::socket::row::flag;

/// Rows whose workload was not known go where they belong by now, at the end of a pass: those that
/// it found no owner for (while it reads, most get one a little later, and a group that is made too
/// early takes the place of another), and those that came while too many keys were waiting.
pub(crate) fn place_row(core: &mut Core, moves: &mut Moves, index: u32) {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) || !core.groups.is_nowhere(row.group) {
        return;
    }
    let place = core.workloads.place_again(row.cgroup, row.tgid);
    let group = core.groups.sibling_if_room(row.group, &place, row.role);
    if let Some(group) = group.filter(|group| *group != row.group) {
        moves.plan_firm_move(core, index, group);
    }
}
