//! The end of a reconcile pass: what becomes of the rows that no list had.
//!
//! The kernel's list is no snapshot: a bucket that is resumed may skip an entry while others come and
//! go. So a row that one pass missed is only a suspect, and it is removed when the next pass, which
//! is due at once, misses it again. Rows of a namespace that no pass can enter any more, because no
//! process is left in it, are kept while a descriptor refers to them or the kernel may still be
//! busy closing them.

use std::collections::HashSet;

use super::labels::Correction;
use super::pass::Pass;
use super::rows::{Row, flag, seen};
use super::services::seconds;
use super::table::Table;

/// How long the kernel can take to close a socket that nobody holds: `tcp_retries2` comes to 924.6 s
/// by default, the other timers to less.
const ORPHAN_LIFE: u64 = 1200 * 1_000_000_000;

/// What a pass has read to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The network namespaces whose socket list it read.
    pub namespaces: HashSet<u32>,
    /// When it began to read the descriptor tables of all processes, `CLOCK_MONOTONIC` nanoseconds; none
    /// where it did not, or not to the end.
    pub holders: Option<u64>,
}

/// What a pass found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassSummary {
    /// Corrections since the pass began, in the order of `Correction::ALL`; those that a record
    /// revealed in that time included.
    pub corrections: [u64; Correction::COUNT],
    /// Rows that this pass missed for the first time: another pass at once settles them.
    pub suspects: u64,
    /// Rows in namespaces that the pass could not enter.
    pub unverified: u64,
    /// Rows after the pass.
    pub rows: u64,
}

/// What is to become of a row.
enum Verdict {
    Keep,
    Suspect,
    Unverified,
    Gone,
}

impl Table {
    /// Ends a pass of which `covered` was read to the end. The first call ends the seeding.
    pub fn end_pass(&mut self, now: u64, covered: &Covered) -> PassSummary {
        self.apply_moves();
        if let (Some(walked), true) = (covered.holders, self.pass.is_some()) {
            self.settle_owners(walked);
        }
        if self.pass.is_some() {
            self.place_rows();
        }
        let Some(mut pass) = self.pass.take() else { return PassSummary::default() };
        let mut summary = PassSummary::default();
        for index in 0..self.rows.top() {
            match self.judge(&self.rows[index], &pass, covered) {
                Verdict::Keep => {}
                Verdict::Suspect => {
                    self.rows[index].seen = seen::MISSED;
                    summary.suspects += 1;
                }
                Verdict::Unverified => summary.unverified += 1,
                Verdict::Gone => self.bury(self.rows[index].sk),
            }
        }
        self.sum_up(&mut pass, covered);
        self.seeded = true;
        self.known.clone_from(&covered.namespaces);
        self.books.unverified = summary.unverified;
        self.books.namespaces_folded += pass.namespaces.folded;
        self.books.namespaces = pass.namespaces.publish(&covered.namespaces);
        self.books.reconcile_durations.observe(seconds(now.saturating_sub(pass.start)));
        self.books.last_reconcile = Some(now);
        summary.corrections = self.books.corrections;
        summary.corrections.iter_mut().zip(pass.corrections_before).for_each(|(after, before)| *after -= before);
        summary.rows = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        summary
    }

    fn judge(&self, row: &Row, pass: &Pass, covered: &Covered) -> Verdict {
        if !row.has(flag::LIVE) || row.seen == self.generation || row.entered >= pass.start {
            return Verdict::Keep;
        }
        if covered.namespaces.contains(&row.netns) {
            return if row.seen == seen::MISSED { Verdict::Gone } else { Verdict::Suspect };
        }
        let held = covered.holders.is_none() || row.held == self.generation;
        if held || row.entered.saturating_add(ORPHAN_LIFE) > pass.start { Verdict::Unverified } else { Verdict::Gone }
    }
}
