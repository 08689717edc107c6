//! The end of a reconcile pass, in slices between which records are applied.
//!
//! Driven by the ingest thread: `finish_pass`, then `proceed` until it answers. The steps come one
//! after the other over all rows: who holds them now, what has no name yet, which are gone, what
//! they add up to; before the next step the moves that the one before has planned are made.
//! Guarantees: a call looks at about as many rows as it is told; every row is judged by what it is
//! in that moment, and one that came or changed meanwhile is left to the next pass; what is
//! shown changes with the last slice only.

use super::classify::{Verdict, judge};
use super::owners::Tally;
use super::pass::Pass;
use crate::conn::collect::results::Kept;
use crate::conn::core::Core;
use crate::conn::regroup::placing::place_row;
use crate::conn::regroup::queue::Moves;
use crate::conn::report::coverage::{Covered, PassSummary};
use crate::conn::socket::row::{flag, seen};

/// How far the end of a pass has come.
#[derive(Default)]
pub(crate) struct Finish {
    pub(crate) covered: Covered,
    step: Step,
    /// The row that comes next.
    at: u32,
    tally: Tally,
    /// Rows that this pass missed for the first time.
    pub(crate) suspects: u64,
    /// Rows that it could not look for.
    pub(crate) unverified: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// What the reading of the lists has planned is made before rows go to their holders: of two
    /// moves of a row in one batch nobody knows which is the later.
    #[default]
    Move,
    Settle,
    Follow,
    Walk,
    Place,
    Judge,
    Sum,
    Publish,
}

impl Step {
    fn next(self, finish: &Finish) -> Self {
        match self {
            Self::Move => Self::Settle,
            Self::Settle if finish.tally.listeners_moved => Self::Follow,
            Self::Settle | Self::Follow if finish.covered.holders.is_some() => Self::Walk,
            Self::Settle | Self::Follow | Self::Walk => Self::Place,
            Self::Place => Self::Judge,
            Self::Judge => Self::Sum,
            Self::Sum | Self::Publish => Self::Publish,
        }
    }
}

impl Finish {
    /// Begins to end a pass of which `covered` was read to the end.
    pub(crate) fn new(covered: Covered) -> Self {
        Self { covered, ..Self::default() }
    }

    /// Goes on, past as many rows as `budget` has; whether it has come to the end.
    pub(crate) fn proceed(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        pass: &mut Pass,
        budget: &mut usize,
    ) -> bool {
        while *budget > 0 {
            if moves.are_due() {
                moves.make_moves(core, budget);
            } else if self.step == Step::Publish {
                return true;
            } else if self.take_step(core, moves, pass, budget) {
                if moves.are_done() {
                    (self.step, self.at) = (self.step.next(self), 0);
                } else {
                    moves.make_moves(core, budget);
                }
            }
        }
        false
    }

    /// Takes a step over some rows; whether it has come to the end of them.
    fn take_step(
        &mut self,
        core: &mut Core,
        moves: &mut Moves,
        pass: &mut Pass,
        budget: &mut usize,
    ) -> bool {
        if self.step == Step::Walk {
            core.cuts.walk(self.covered.holders.unwrap_or_default());
            return core.groups.advance(&core.rows, &core.cuts, budget);
        }
        let most = u32::try_from(*budget).unwrap_or(u32::MAX);
        let end = core.rows.top().min(self.at.saturating_add(most));
        while self.at < end && !moves.are_due() {
            let index = self.at;
            self.at += 1;
            *budget -= 1;
            match (self.step, self.covered.holders) {
                (Step::Settle, Some(walked)) => {
                    pass.settle_owner(core, moves, index, walked, &mut self.tally)
                }
                (Step::Follow, _) => pass.follow_listener(core, moves, index),
                (Step::Place, _) => place_row(core, moves, index),
                (Step::Judge, _) => self.sentence(core, pass, index),
                (Step::Sum, _) => sum(core, pass, index),
                (Step::Move | Step::Settle | Step::Walk | Step::Publish, _) => return true,
            }
        }
        self.at >= core.rows.top()
    }

    /// Does what a row's verdict asks for.
    fn sentence(&mut self, core: &mut Core, pass: &Pass, index: u32) {
        match judge(core, pass, &self.covered, index) {
            Verdict::Keep => {}
            Verdict::Suspect => {
                core.rows[index].seen = seen::MISSED;
                self.suspects += 1;
            }
            Verdict::Unverified => {
                // The numbers of passes come round again.
                core.rows[index].seen = seen::FRESH;
                self.unverified += 1;
            }
            Verdict::Gone => core.remove_missed(core.rows[index].sk),
        }
    }

    /// Shows what a pass has found, all at once.
    pub(crate) fn publish(
        self,
        core: &mut Core,
        kept: &mut Kept,
        pass: Pass,
        now: u64,
    ) -> PassSummary {
        let Pass { start, number, namespaces, gathered, sums, corrections_before, .. } = pass;
        kept.sum_up(core, gathered, sums, &self.covered, number);
        core.seeded = true;
        core.known.clone_from(&self.covered.namespaces);
        let books = &mut core.books;
        if let Some(walked) = self.covered.holders {
            (books.unheld, books.shared, books.owners_read) =
                (self.tally.unheld, self.tally.shared, Some(walked));
        }
        books.unverified = self.unverified;
        books.namespaces_folded += namespaces.folded;
        books.namespaces = namespaces.publish(&self.covered.namespaces);
        books.passed(now.saturating_sub(start), now);
        let mut corrections = books.corrections;
        corrections.iter_mut().zip(corrections_before).for_each(|(after, before)| *after -= before);
        let rows = u64::try_from(core.rows.len()).unwrap_or(u64::MAX);
        PassSummary { corrections, suspects: self.suspects, unverified: self.unverified, rows }
    }
}

/// Adds a row to what the pass adds up to.
fn sum(core: &Core, pass: &mut Pass, index: u32) {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) {
        return;
    }
    let seen = row.seen == pass.number;
    pass.sums.add(index, row, seen);
    if seen && row.is_left() {
        pass.namespaces.count_orphan(row.netns);
    }
}
