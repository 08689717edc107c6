//! What is left to do besides applying records, and in which order.
//!
//! Called by `table`, driven by the ingest thread: it calls `step` until nothing is left, and
//! applies records between two steps. Guarantees: a step looks at about as many rows as its budget
//! says. The order is: ages, requests about passes, the commit of a pass, moves that are due, idle
//! groups, groups that have got their workload's name. Types hold the rules between these:
//! [`Stage`] says what a pass can do,
//! [`Drained`](super::regroup::queue::Drained) proves that no move is
//! planned, without which no group ends and no pass begins.

use std::sync::Arc;

use agent_common::record::{Child, Holder, Socket, State};

use super::collect::results::PassResults;
use super::collect::sums::Sums;
use super::core::Core;
use super::limits::Budget;
use super::nanos::Nanos;
use super::reconcile::commit::Commit;
use super::reconcile::pass::Pass;
use super::regroup::migration::Migrations;
use super::regroup::queue::RegroupQueue;
use super::regroup::retirement::expire_idle;
use super::report::coverage::{Covered, PassSummary};
use super::socket::effect::Effect;
use super::socket::row::seen;
use crate::internal_error::internal_error;
use crate::pressure::netns::Facts;
use crate::workload::{Key, Workload};

/// Time between two updates of ages.
const AGE_EVERY: Nanos = Nanos::from_millis(250);
/// The rows that may pass an age in one step, in budgets of a step.
const AGE_BUDGETS: usize = 16;
/// Time between two searches for idle groups.
const EXPIRE_EVERY: Nanos = Nanos::from_secs(10);

/// What the reconcile thread asks of passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassRequest {
    /// Begin a pass, and drop one that is under way.
    Begin,
    /// Commit the pass, which read `Covered` to the end.
    Commit(Covered),
    /// Drop the pass. What it corrected stays. Nothing is removed or published.
    Abort,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// Nothing is left to do.
    Done,
    /// The pass is committed, with this result.
    Committed(PassSummary),
}

/// How far the pass has come.
#[derive(Default)]
enum Stage {
    /// No pass is under way.
    #[default]
    Idle,
    /// The lists are being read.
    Reading(Pass),
    /// The lists have been read, and the rows are visited.
    Committing(Pass, Commit),
}

impl Stage {
    const fn pass(&mut self) -> Option<&mut Pass> {
        match self {
            Self::Idle => None,
            Self::Reading(pass) | Self::Committing(pass, _) => Some(pass),
        }
    }

    fn sums(&mut self) -> Option<&mut Sums> {
        self.pass().map(|pass| &mut pass.sums)
    }
}

/// A pass that is to begin or to be dropped as soon as no move is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Begin,
    Abort,
}

/// What is left to do.
pub(super) struct Work {
    stage: Stage,
    pending: Option<Pending>,
    pub(super) queue: RegroupQueue,
    pub(super) migrations: Migrations,
    /// The number of the last pass; see [`seen`].
    number: u8,
    aged_at: Nanos,
    expired_at: Nanos,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            stage: Stage::Idle,
            pending: None,
            queue: RegroupQueue::default(),
            migrations: Migrations::default(),
            number: seen::FRESH,
            aged_at: Nanos::ZERO,
            expired_at: Nanos::ZERO,
        }
    }
}

impl Work {
    /// Tells the pass about the effect of a record.
    #[inline]
    pub(super) fn note(&mut self, effect: Effect, record: &State) {
        if effect == Effect::None {
            return;
        }
        if let Some(pass) = self.stage.pass() {
            pass.note(effect, record);
        }
    }

    /// Takes what a network namespace tells of itself.
    pub(super) fn facts(&mut self, facts: Facts) {
        if let Some(pass) = self.stage.pass() {
            pass.input.know(facts);
        }
    }

    /// Compares one entry of the socket list with the table.
    pub(super) fn socket(&mut self, core: &mut Core, entry: &Socket) {
        if let Some(pass) = self.stage.pass() {
            pass.socket(core, &mut self.queue, entry);
        }
    }

    /// Takes a connection in the accept queue of a listener.
    pub(super) fn child(&mut self, entry: &Child) {
        let Some(pass) = self.stage.pass() else { return };
        pass.child(entry);
    }

    /// Notes a process that holds a socket.
    pub(super) fn holder(&mut self, core: &Core, entry: &Holder) {
        if let Some(pass) = self.stage.pass() {
            pass.holders.note(core, entry);
        }
    }

    /// Takes what keys stand for.
    pub(super) fn resolve(
        &mut self,
        core: &mut Core,
        answers: impl IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
        now: Nanos,
    ) {
        let Self { stage, queue, migrations, .. } = self;
        migrations.resolve(core, queue, stage.sums(), answers, now);
    }

    /// Takes a request about passes.
    pub(super) fn request(&mut self, request: PassRequest) {
        match request {
            PassRequest::Begin => self.pending = Some(Pending::Begin),
            PassRequest::Abort => self.pending = Some(Pending::Abort),
            PassRequest::Commit(covered) => {
                self.stage = match std::mem::take(&mut self.stage) {
                    Stage::Idle => Stage::Idle,
                    Stage::Reading(pass) | Stage::Committing(pass, _) => {
                        Stage::Committing(pass, Commit::new(covered))
                    }
                };
            }
        }
    }

    /// Does a part of what is left.
    pub(super) fn step(
        &mut self,
        core: &mut Core,
        results: &mut PassResults,
        now: Nanos,
        mut budget: Budget,
    ) -> Progress {
        if now.saturating_sub(self.aged_at) >= AGE_EVERY {
            self.aged_at = now;
            core.age(now, budget.times(AGE_BUDGETS));
        }
        if !self.change_pass(core, now, &mut budget) {
            return Progress::More;
        }
        if matches!(self.stage, Stage::Committing(..)) {
            return self.commit(core, results, now, &mut budget);
        }
        if self.queue.is_due() {
            self.queue.step(core, &mut budget);
            return Progress::More;
        }
        if now.saturating_sub(self.expired_at) >= EXPIRE_EVERY {
            self.expired_at = now;
            self.expire_idle(core, now);
        }
        if self.migrate(core, budget) { Progress::More } else { Progress::Done }
    }

    /// Begins or drops a pass if that was requested and no move is planned any more. Returns
    /// whether nothing of that is left to do.
    fn change_pass(&mut self, core: &mut Core, now: Nanos, budget: &mut Budget) -> bool {
        let Some(pending) = self.pending else { return true };
        if !self.queue.is_empty() {
            self.queue.step(core, budget);
        }
        let Some(drained) = self.queue.drained() else { return false };
        self.pending = None;
        self.stage = match pending {
            Pending::Abort => Stage::Idle,
            Pending::Begin => {
                self.number = seen::after(self.number);
                Stage::Reading(Pass::new(core, &drained, self.number, now))
            }
        };
        true
    }

    /// Continues the commit of a pass.
    pub(super) fn commit(
        &mut self,
        core: &mut Core,
        results: &mut PassResults,
        now: Nanos,
        budget: &mut Budget,
    ) -> Progress {
        let Stage::Committing(pass, commit) = &mut self.stage else { return Progress::Done };
        if !commit.step(core, &mut self.queue, pass, now, budget) {
            return Progress::More;
        }
        let Stage::Committing(pass, commit) = std::mem::take(&mut self.stage) else {
            internal_error("a commit ends in the stage in which it went on");
            return Progress::Done;
        };
        // The buffers of the queue are large, and idle until the next pass.
        self.queue = RegroupQueue::default();
        Progress::Committed(commit.publish(core, results, pass, now))
    }

    /// Continues with groups that have got their workload's name. Returns whether there are more.
    pub(super) fn migrate(&mut self, core: &mut Core, budget: Budget) -> bool {
        let Self { stage, queue, migrations, .. } = self;
        migrations.step(core, queue, stage.sums(), budget)
    }

    /// Removes the labels of groups that have been idle for long, and gives up waiting for names.
    pub(super) fn expire_idle(&mut self, core: &mut Core, now: Nanos) {
        let late = core.workloads.expire(now);
        self.resolve(core, late.into_iter().map(|key| (key, None)), now);
        // If moves are planned, the next call is early enough.
        if let Some(drained) = self.queue.drained() {
            expire_idle(core, self.stage.sums(), &drained, now);
        }
    }

    /// Begins a pass at once.
    pub(super) fn begin_pass(&mut self, core: &mut Core, now: Nanos) {
        self.request(PassRequest::Begin);
        while !self.change_pass(core, now, &mut Budget::UNLIMITED.clone()) {}
    }

    /// Drops a pass at once.
    #[cfg(test)]
    pub(super) fn abort_pass(&mut self, core: &mut Core) {
        self.request(PassRequest::Abort);
        while !self.change_pass(core, Nanos::ZERO, &mut Budget::UNLIMITED.clone()) {}
    }

    /// Commits a pass at once. Returns an empty summary if none is under way.
    pub(super) fn end_pass(
        &mut self,
        core: &mut Core,
        results: &mut PassResults,
        now: Nanos,
        covered: &Covered,
    ) -> PassSummary {
        self.request(PassRequest::Commit(covered.clone()));
        loop {
            match self.commit(core, results, now, &mut Budget::UNLIMITED.clone()) {
                Progress::More => {}
                Progress::Done => return PassSummary::default(),
                Progress::Committed(summary) => return summary,
            }
        }
    }
}
