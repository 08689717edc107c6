//! Who may have the last places of the table.
//!
//! Used where a row is made. Guarantees: the last sixteenth of the rows is for those who have less
//! than a quarter of them, so that one workload, or one user where there is none, does not take
//! them all while the agent runs. What the agent meets at its start comes first, first served. A
//! look at all groups comes once for many rows.

use catalogue::labels::Role;
use hashbrown::HashMap;

use super::share::Share;
use super::{ALWAYS, Groups};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;

/// A smaller table is not shared.
const SHARED_FROM: usize = 1024;
/// So many looks at all groups come while as many rows ask as the table has.
const LOOKS: usize = 64;

/// Who has so much of the table that others have its last places.
#[derive(Default)]
pub(super) struct Places {
    large: Vec<Share>,
    /// How many rows have asked since all groups were looked at.
    asked: usize,
}

/// Returns the number of rows from which on places are scarce, in a table of `limit` rows.
pub(crate) const fn scarce_from(limit: usize) -> usize {
    if limit < SHARED_FROM { limit } else { limit - limit / 16 }
}

impl Groups {
    /// Looks at all groups again for the next row that asks.
    pub(crate) fn look_again(&mut self) {
        self.places.asked = 0;
    }

    /// Returns whether a new row of a group may have a place in a table of `limit` rows in which
    /// places are scarce. In `~other` its workload and user decide.
    #[cold]
    pub(crate) fn has_place(
        &mut self,
        group: GroupId,
        (workload, user): (&WorkloadRef, u32),
        limit: usize,
    ) -> bool {
        self.look(limit);
        let share = if Self::is_other(group) || group.position() < ALWAYS {
            Share::of(workload, Some(user))
        } else {
            self.list[group.position()].share()
        };
        !self.places.large.contains(&share)
    }

    /// Returns the same for a row that a pass finds. Where it is in no workload, it may be that of
    /// any user.
    #[cold]
    pub(crate) fn has_place_unowned(&mut self, workload: &WorkloadRef, limit: usize) -> bool {
        self.look(limit);
        let may_be = |large: &Share| {
            let user = if let Share::User(user) = large { Some(*user) } else { None };
            Share::of(workload, user) == *large
        };
        !self.places.large.iter().any(may_be)
    }

    /// Looks at all groups, if it is time to.
    fn look(&mut self, limit: usize) {
        if self.places.asked == 0 {
            self.places.large = self.large(limit / 4);
        }
        self.places.asked = (self.places.asked + 1) % (limit / LOOKS).max(1);
    }

    /// Returns who has at least `most` rows. Rows that a pass has found and not named yet are
    /// nobody's. Those in `~other` count for who has the most names there: they are beyond its
    /// share of names.
    fn large(&self, most: usize) -> Vec<Share> {
        let mut rows: HashMap<Share, usize> = HashMap::new();
        let mut other = 0;
        for (at, group) in self.list.iter().enumerate().skip(Role::COUNT) {
            let its = (group.rows() + group.left.len()) as usize;
            if at < ALWAYS {
                other += its;
            } else if group.live && its > 0 {
                *rows.entry(group.share()).or_default() += its;
            }
        }
        if let Some(share) = self.labels.with_most_names().filter(|_| other > 0) {
            *rows.entry(share.clone()).or_default() += other;
        }
        rows.retain(|_, rows| *rows >= most);
        rows.into_keys().collect()
    }
}
