//! What a pass has read, and what it found.

use std::collections::HashSet;

use catalogue::labels::Correction;

use crate::conn::nanos::Nanos;

/// What a pass has read to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The network namespaces whose socket list it read.
    pub namespaces: HashSet<u32>,
    /// The network namespaces that it found and whose list it did not read to the end.
    pub unread: HashSet<u32>,
    /// When it began to read the descriptor tables of all processes; `None` if it did
    /// not read them to the end.
    pub holders: Option<Nanos>,
    /// Whether these are the tables of all processes of the machine: not so in a pid namespace.
    pub everyone: bool,
    /// When it was last noticed that records were lost; `None` if none were.
    pub lost: Option<Nanos>,
}

/// What a pass found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassSummary {
    /// Corrections since the pass began, in the order of `Correction::ALL`. They include those that
    /// a record revealed in that time.
    pub corrections: [u64; Correction::COUNT],
    /// Rows that this pass missed for the first time. Another pass follows at once and removes or
    /// keeps them.
    pub missed_once: u64,
    /// Rows in namespaces that the pass could not enter.
    pub unverified: u64,
    /// Rows in the table after the pass.
    pub rows: u64,
}
