//! How long names last: rows get the workload that they waited for, and groups and services of
//! processes that are gone give their labels back.
//!
//! Called by the resolver (`see`, `wanted`, `tell`) and by the ingest thread (`tidy`, `settle`).
//! Guarantees: a counter never goes down while its series stands, and what a removed series had
//! counted is in the one of `~other`, so the sum over a family never goes down.

use std::sync::Arc;

use super::queue::{Moves, RUN};
use crate::conn::account::groups::Groups;
use crate::conn::account::workloads::Place;
use crate::conn::collect::sums::Sums;
use crate::conn::core::Core;
use crate::workload::{Key, Workload};

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

/// Keys that have got a workload, and their place, whose rows are not all there yet.
#[derive(Default)]
pub(crate) struct Settling {
    pub(crate) keys: Vec<(Key, Place)>,
}

impl Settling {
    /// Takes what keys stand for; `None` for one that is not there any more. What is to be done for
    /// many rows is left to [`Self::settle`].
    pub(crate) fn tell(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        sums: Option<&mut Sums>,
        answers: impl IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
        now: u64,
    ) {
        let before = self.keys.len();
        for (key, workload) in answers {
            if core.workloads.tell(key, workload.as_ref(), now) {
                self.keys.push((key, Place::Named(core.workloads.of(key))));
            }
        }
        if self.keys.len() > before {
            self.settle(core, moves, sums, AT_ONCE);
        }
    }

    /// Goes on bringing the groups that waited for a key to its workload, past about `places` rows,
    /// or one run of moves where that is more; whether there is more to do. Those whose process
    /// has a group there already go into that one. Each row is shown where it stands; what its
    /// group has counted comes with the last of them.
    pub(crate) fn settle(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        mut sums: Option<&mut Sums>,
        places: usize,
    ) -> bool {
        let mut budget = places.max(1);
        while budget > 0
            && let Some((key, place)) = self.keys.last().cloned()
        {
            if moves.are_done() {
                budget = budget.saturating_sub(self.settle_key(
                    core,
                    moves,
                    sums.as_deref_mut(),
                    key,
                    &place,
                ));
            } else {
                moves.make_moves(core, &mut budget);
            }
        }
        core.services.settling = !self.keys.is_empty();
        core.services.settling
    }

    /// Renames the groups of a key, plans the next moves for one that cannot be renamed, or ends
    /// it, or the key; returns what that cost, in rows. No move may be under way: it would name
    /// a group that is given up.
    fn settle_key(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        sums: Option<&mut Sums>,
        key: Key,
        place: &Place,
    ) -> usize {
        let looked = 1 + usize::from(core.groups.len()) / 16;
        let waiting = core.groups.waiting(key);
        let Some((group, heir)) =
            waiting.into_iter().find_map(|group| Some((group, core.groups.settle(group, place)?)))
        else {
            self.keys.pop();
            return looked;
        };
        let rows = core.groups.first_rows(group, &core.rows, RUN);
        for index in &rows {
            moves.plan_firm_move(core, *index, heir);
        }
        if rows.is_empty() {
            give_up(core, sums, group, heir);
        }
        looked + rows.len()
    }

    /// Gives back what nobody has used for the grace time. Due every few seconds.
    pub(crate) fn tidy(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        mut sums: Option<&mut Sums>,
        now: u64,
    ) {
        let late = core.workloads.expire(now);
        self.tell(core, moves, sums.as_deref_mut(), late.into_iter().map(|late| (late, None)), now);
        // A move that is planned names its group. A pass makes its moves by itself, and so does
        // `settle`; the next call is early enough.
        if !moves.are_done() {
            return;
        }
        for group in core.groups.idle(now) {
            let other = Groups::other(core.groups.role(group));
            give_up(core, sums.as_deref_mut(), group, other);
        }
    }
}

/// Removes a group that has no rows; another takes what it counted.
fn give_up(core: &mut Core, sums: Option<&mut Sums>, group: u16, heir: u16) {
    core.services.bequeath(group, heir);
    core.groups.remove(group, heir);
    if let Some(sums) = sums {
        sums.rename(group, heir);
    }
}
