//! A walk over the slots of the slab, in slices.
//!
//! Used by `commit`: each of its steps visits every row so.

use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::regroup::queue::RegroupQueue;

/// A walk over the slots of the slab.
pub(super) struct Walk<'a> {
    /// The slot of the next row.
    pub(super) at: u32,
    /// The rows.
    pub(super) core: &'a mut Core,
    /// The moves that are planned.
    pub(super) queue: &'a mut RegroupQueue,
    /// How many rows may still be visited.
    pub(super) budget: &'a mut Budget,
}

impl Walk<'_> {
    /// Visits slots until the budget is spent or moves are due. Returns whether the walk came to
    /// the end. The step is chosen outside of this loop.
    #[expect(clippy::inline_always, reason = "each step has a loop of its own")]
    #[inline(always)]
    pub(super) fn each(
        &mut self,
        mut visit: impl FnMut(&mut Core, &mut RegroupQueue, RowId),
    ) -> bool {
        // Slot 0 holds no row.
        let (from, mut at) = (self.at, self.at.max(1));
        let most = u32::try_from(self.budget.left()).unwrap_or(u32::MAX);
        let end = self.core.rows.top().min(from.saturating_add(most));
        while at < end && !self.queue.is_due() {
            let Some(index) = RowId::new(at) else { break };
            visit(self.core, self.queue, index);
            at += 1;
        }
        self.at = at;
        self.budget.spend((at - from) as usize);
        self.at >= self.core.rows.top()
    }
}
