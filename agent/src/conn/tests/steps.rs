//! The parts of [`Table::step`] one by one, so that a test can choose what comes between them.

use crate::conn::limits::Budget;
use crate::conn::{Covered, Nanos, PassRequest, PassSummary, Progress, Table};

impl Table {
    /// Drops the pass at once.
    pub(super) fn abort_pass(&mut self) {
        self.work.abort_pass(&mut self.core);
    }

    /// Begins to commit the pass.
    pub(super) fn commit_pass(&mut self, covered: Covered) {
        self.request(PassRequest::Commit(covered));
    }

    /// Goes on with the commit; what the pass has found, once it is done.
    pub(super) fn step_commit(&mut self, now: Nanos, rows: usize) -> Option<PassSummary> {
        let Self { core, work, results } = self;
        match work.commit(core, results, now, &mut Budget::rows(rows)) {
            Progress::More => None,
            Progress::Committed(summary) => Some(summary),
            Progress::Done => {
                work.queue.drain(core);
                Some(PassSummary::default())
            }
        }
    }

    /// Makes planned moves where they are due; whether more are.
    pub(super) fn step_due(&mut self, rows: usize) -> bool {
        if self.work.queue.is_due() {
            self.work.queue.step(&mut self.core, &mut Budget::rows(rows));
        }
        self.work.queue.is_due()
    }

    /// Makes planned moves, however few there are; whether there are more.
    pub(super) fn step_queue(&mut self, rows: usize) -> bool {
        if !self.work.queue.is_empty() {
            self.work.queue.step(&mut self.core, &mut Budget::rows(rows));
        }
        !self.work.queue.is_empty()
    }

    /// Goes on with groups that have got their workload's name; whether there are more.
    pub(super) fn migrate(&mut self, rows: usize) -> bool {
        self.work.migrate(&mut self.core, Budget::rows(rows))
    }

    /// Takes labels back from idle groups.
    pub(super) fn expire_idle(&mut self, now: Nanos) {
        self.work.expire_idle(&mut self.core, now);
    }

    /// Brings ages up to a moment.
    pub(super) fn age(&mut self, now: Nanos, rows: usize) {
        self.core.age(now, Budget::rows(rows));
    }
}
