//! How groups and services of processes that are gone give up their labels, and ports that young
//! names left.
//!
//! Called by `work`, and by `migration` for a group whose rows have all left. Guarantees: a counter
//! never goes down while its series exists. What a removed series had counted is added to its
//! successor, in the end to `~other`, so the sum over a family never goes down.

use super::queue::Drained;
use crate::conn::account::groups::Groups;
use crate::conn::collect::sums::Sums;
use crate::conn::core::Core;
use crate::conn::ids::GroupId;
use crate::conn::nanos::Nanos;

/// Removes the groups that have been idle for [`IDLE_TTL`](crate::conn::limits::IDLE_TTL), and adds
/// what they counted to `~other`. It is due every few seconds.
pub(crate) fn expire_idle(
    core: &mut Core,
    mut sums: Option<&mut Sums>,
    drained: &Drained<'_>,
    now: Nanos,
) {
    for group in core.groups.idle(now) {
        let other = Groups::other(core.groups.role(group));
        retire(core, sums.as_deref_mut(), drained, group, other);
    }
    core.groups.label_waiting();
    core.services.expire_young_ports(now);
}

/// Removes a group that has no rows; `successor` takes what it counted. A planned move names its
/// group by number, so none may be planned: `_drained` proves it.
pub(super) fn retire(
    core: &mut Core,
    sums: Option<&mut Sums>,
    _drained: &Drained<'_>,
    group: GroupId,
    successor: GroupId,
) {
    let counted = core.groups.remove(group, successor);
    core.services.fold_into(group, counted);
    if let Some(sums) = sums {
        sums.fold_into(group, successor);
    }
}
