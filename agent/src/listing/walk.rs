//! Reads every row of the table in slices, so that the lock is never held for long.
//!
//! Used by the queries, off the reactor. Guarantees: the lock is held for at most [`PLACES`] slots
//! of the slab at a time (35 µs in the median, see docs/api.md); a row is visited after the lock
//! was released. The walk is no snapshot: a socket that outlives it is met exactly once, one that
//! opens or closes meanwhile at most once.

use crate::conn::{RowView, States};
use crate::ingest::{SharedTable, lock};

/// How many slots of the slab are read under one lock.
pub(crate) const PLACES: u32 = 1024;

/// What a walk met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// How many rows, of any state.
    pub(crate) seen: u64,
    /// How many times the lock was taken.
    pub(crate) slices: u64,
}

/// Calls `visit` with each row that is in one of `states`.
pub(crate) fn rows(table: &SharedTable, states: States, mut visit: impl FnMut(RowView)) -> Walked {
    let mut walked = Walked::default();
    // Allocated before the lock is taken, so that nothing is allocated under it.
    let mut slice = Vec::with_capacity(PLACES as usize);
    let mut from = Some(0);
    while let Some(place) = from {
        from = lock(table).view().slice(place, PLACES, states, &mut slice, &mut walked.seen);
        walked.slices += 1;
        slice.drain(..).for_each(&mut visit);
    }
    walked
}
