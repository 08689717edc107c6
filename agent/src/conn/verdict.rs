//! The verdict of a reconcile pass: what becomes of the rows that no list had.
//!
//! The kernel's list is no snapshot: a bucket that is resumed may skip an entry while others come
//! and go. So a row that one pass missed is only a suspect, and it is removed when the next pass,
//! which is due at once, misses it again. Rows of a namespace that no pass can enter any more,
//! because no process is left in it, are kept while a descriptor refers to them or the kernel may
//! still be busy closing them.

use std::collections::HashSet;

use super::finish::Finish;
use super::labels::Correction;
use super::rows::{flag, seen};
use super::table::Table;

/// How long the kernel can take to close a socket that nobody holds: `tcp_retries2` comes to 924.6
/// s by default, the other timers to less.
const ORPHAN_LIFE: u64 = 1200 * 1_000_000_000;

/// What a pass has read to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The network namespaces whose socket list it read.
    pub namespaces: HashSet<u32>,
    /// When it began to read the descriptor tables of all processes, `CLOCK_MONOTONIC`
    /// nanoseconds; none where it did not, or not to the end.
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
pub(super) enum Verdict {
    Keep,
    Suspect,
    Unverified,
    Gone,
}

impl Table {
    /// What is to become of a row that is held against the pass which `finish` ends.
    pub(super) fn judge(&self, index: u32, finish: &Finish) -> Verdict {
        let (row, Some(pass)) = (&self.rows[index], &self.pass) else { return Verdict::Keep };
        if !row.has(flag::LIVE) || row.seen == self.generation || row.entered >= pass.start {
            return Verdict::Keep;
        }
        if finish.covered.namespaces.contains(&row.netns) {
            return if row.seen == seen::MISSED { Verdict::Gone } else { Verdict::Suspect };
        }
        let held = finish.covered.holders.is_none() || pass.processes.holds(index);
        if held || row.entered.saturating_add(ORPHAN_LIFE) > pass.start {
            Verdict::Unverified
        } else {
            Verdict::Gone
        }
    }
}
