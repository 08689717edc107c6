//! Reads every row of the table without holding it for long: a slice, a pause, the next slice.
//!
//! Used by listings and by the survey of leaks, off the reactor. Guarantees: the lock is held for
//! [`PLACES`] places of the slab at most (35 µs in the median, see docs/api.md); what a reader does
//! with a row it does after the lock was given back. The walk is not a snapshot: it meets each
//! socket that outlives it once, others perhaps.

use crate::conn::{RowView, States};
use crate::ingest::{SharedTable, lock};

/// Places of the slab that are read under one lock.
pub(crate) const PLACES: u32 = 1024;

/// What a walk came past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Rows, of any state.
    pub(crate) seen: u64,
    /// How often the lock was taken.
    pub(crate) slices: u64,
}

/// Shows each row in one of `states` to `visit`.
pub(crate) fn rows(table: &SharedTable, states: States, mut visit: impl FnMut(RowView)) -> Walked {
    let mut walked = Walked::default();
    // Made before the lock is taken, so that no allocation happens under it.
    let mut slice = Vec::with_capacity(PLACES as usize);
    let mut from = Some(0);
    while let Some(place) = from {
        from = lock(table).slice(place, PLACES, states, &mut slice, &mut walked.seen);
        walked.slices += 1;
        slice.drain(..).for_each(&mut visit);
    }
    walked
}
