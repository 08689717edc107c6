//! The end of a reconcile pass, in slices between which records are applied.
//!
//! Driven by the ingest thread: `finish_pass`, then `proceed` until it answers. The steps come one
//! after the other over all rows: who holds them now, what has no name yet, which are gone, what
//! they add up to; before the next step the moves that the one before has planned are made.
//! Guarantees: a call looks at about as many rows as it is told; every row is judged by what it is
//! in that moment, and one that came or changed meanwhile is left to the next pass; what is
//! shown changes with the last slice only.

use super::moves::Moves;
use super::pass::Pass;
use super::rows::seen;
use super::table::Table;
use super::verdict::{Covered, PassSummary, Verdict};

/// How far the end of a pass has come.
#[derive(Default)]
pub(super) struct Finish {
    pub(super) covered: Covered,
    step: Step,
    /// The row that comes next.
    at: u32,
    /// Rows in use that nobody holds.
    pub(super) unheld: u64,
    /// Rows that more than one process holds.
    pub(super) shared: u64,
    /// Whether a listener has another owner now.
    pub(super) listeners_moved: bool,
    /// Rows that this pass missed for the first time.
    pub(super) suspects: u64,
    /// Rows that it could not look for.
    pub(super) unverified: u64,
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
            Self::Settle if finish.listeners_moved => Self::Follow,
            Self::Settle | Self::Follow if finish.covered.holders.is_some() => Self::Walk,
            Self::Settle | Self::Follow | Self::Walk => Self::Place,
            Self::Place => Self::Judge,
            Self::Judge => Self::Sum,
            Self::Sum | Self::Publish => Self::Publish,
        }
    }
}

impl Table {
    /// Ends a pass of which `covered` was read to the end, in one go. The first call ends the
    /// seeding.
    pub fn end_pass(&mut self, now: u64, covered: &Covered) -> PassSummary {
        self.finish_pass(covered.clone());
        loop {
            if let Some(summary) = self.proceed(now, usize::MAX) {
                return summary;
            }
        }
    }

    /// Begins to end a pass of which `covered` was read to the end.
    pub fn finish_pass(&mut self, covered: Covered) {
        if let Some(pass) = &mut self.pass {
            pass.finish = Some(Finish { covered, ..Finish::default() });
        }
    }

    /// Makes the moves that have gathered while a pass reads, past about `places` rows; whether
    /// there are more of them.
    pub fn work(&mut self, places: usize) -> bool {
        if self.moves.are_due() {
            self.make_moves(&mut { places });
        }
        self.moves.are_due()
    }

    /// Goes on ending a pass, past about `places` rows; `now` as `CLOCK_MONOTONIC` nanoseconds.
    /// What the pass has found, once it has ended; nothing found where none was under way.
    pub fn proceed(&mut self, now: u64, places: usize) -> Option<PassSummary> {
        let Some(mut finish) = self.pass.as_mut().and_then(|pass| pass.finish.take()) else {
            self.apply_moves();
            return Some(PassSummary::default());
        };
        let mut budget = places.max(1);
        while budget > 0 {
            if self.moves.are_due() {
                self.make_moves(&mut budget);
            } else if finish.step == Step::Publish {
                let pass = self.pass.take()?;
                return Some(self.publish(pass, &finish, now));
            } else if self.take_step(&mut finish, &mut budget) {
                if self.moves.are_done() {
                    (finish.step, finish.at) = (finish.step.next(&finish), 0);
                } else {
                    self.make_moves(&mut budget);
                }
            }
        }
        if let Some(pass) = &mut self.pass {
            pass.finish = Some(finish);
        }
        None
    }

    /// Takes a step over some rows; whether it has come to the end of them.
    fn take_step(&mut self, finish: &mut Finish, budget: &mut usize) -> bool {
        if finish.step == Step::Walk {
            return self.verified_since(finish.covered.holders.unwrap_or_default(), budget);
        }
        let most = u32::try_from(*budget).unwrap_or(u32::MAX);
        let end = self.rows.top().min(finish.at.saturating_add(most));
        while finish.at < end && !self.moves.are_due() {
            let index = finish.at;
            finish.at += 1;
            *budget -= 1;
            match (finish.step, finish.covered.holders) {
                (Step::Settle, Some(walked)) => self.settle_owner(index, walked, finish),
                (Step::Follow, _) => self.follow_listener(index),
                (Step::Place, _) => self.place_row(index),
                (Step::Judge, _) => self.sentence(index, finish),
                (Step::Sum, _) => self.sum(index),
                (Step::Move | Step::Settle | Step::Walk | Step::Publish, _) => return true,
            }
        }
        finish.at >= self.rows.top()
    }

    /// Does what a row's verdict asks for.
    fn sentence(&mut self, index: u32, finish: &mut Finish) {
        match self.judge(index, finish) {
            Verdict::Keep => {}
            Verdict::Suspect => {
                self.rows[index].seen = seen::MISSED;
                finish.suspects += 1;
            }
            Verdict::Unverified => {
                // The numbers of passes come round again.
                self.rows[index].seen = seen::FRESH;
                finish.unverified += 1;
            }
            Verdict::Gone => self.bury(self.rows[index].sk),
        }
    }

    /// Shows what a pass has found, all at once.
    fn publish(&mut self, mut pass: Pass, finish: &Finish, now: u64) -> PassSummary {
        // Their buffers are large, and idle until the next pass.
        self.moves = Moves::default();
        self.sum_up(&mut pass, &finish.covered);
        self.seeded = true;
        self.known.clone_from(&finish.covered.namespaces);
        let books = &mut self.books;
        if let Some(walked) = finish.covered.holders {
            (books.unheld, books.shared, books.owners_read) =
                (finish.unheld, finish.shared, Some(walked));
        }
        books.unverified = finish.unverified;
        books.namespaces_folded += pass.namespaces.folded;
        books.namespaces = pass.namespaces.publish(&finish.covered.namespaces);
        books.passed(now.saturating_sub(pass.start), now);
        let mut corrections = books.corrections;
        corrections
            .iter_mut()
            .zip(pass.corrections_before)
            .for_each(|(after, before)| *after -= before);
        let rows = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        PassSummary { corrections, suspects: finish.suspects, unverified: finish.unverified, rows }
    }
}
