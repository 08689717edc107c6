//! The slab of rows: one fixed-size row a live socket, addressed by a 32-bit slot number.
//!
//! Used by the table and its ordered lists. Guarantees: rows lie in chunks that are never moved, so
//! growing copies nothing; a freed row is used again before a new chunk is made, so a steady
//! population allocates nothing. Memory follows the highest number of rows that ever lived at once.
//! What only passes write lies in a column beside the rows, so that records do not touch it between
//! birth and close.

use std::ops::{Index, IndexMut};

use crate::conn::ids::RowId;
use crate::conn::socket::activity::Activity;
use crate::conn::socket::row::{Row, flag};
use crate::internal_error::internal_error;

/// Rows in a chunk. It takes 112 KiB, so that an idle agent stays small.
const CHUNK: usize = 1024;

/// A row, its cell of the column and its entry of the index (`store::index`) take 176 bytes at the
/// most.
const _: () = assert!(size_of::<Activity>() <= 48);

/// The rows, in chunks that never move.
pub(crate) struct Slab {
    chunks: Vec<Box<[Row; CHUNK]>>,
    /// The column: what each row's connection has done.
    activity: Vec<Box<[Activity; CHUNK]>>,
    free: Option<RowId>,
    /// One more than the highest slot ever used. Slot 0 is never used, see [`RowId`].
    top: u32,
    used: usize,
    limit: usize,
}

impl Slab {
    /// Creates an empty slab that will hold at most `limit` rows.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(u32::MAX as usize - 2);
        Self { chunks: Vec::new(), activity: Vec::new(), free: None, top: 1, used: 0, limit }
    }

    /// Stores a row. Returns `None` if the table is full.
    #[inline]
    pub(crate) fn insert(&mut self, row: Row) -> Option<RowId> {
        if self.used >= self.limit {
            return None;
        }
        debug_assert!(self.used < self.top as usize, "every row in use has a slot");
        if let Some(index) = self.free {
            self.used += 1;
            debug_assert!(!self[index].has(flag::LIVE), "a free slot holds no row");
            self.free = self[index].next;
            self[index] = row;
            *self.activity_mut(index) = Activity::NONE;
            return Some(index);
        }
        let Some(index) = RowId::new(self.top) else {
            internal_error("slot 0 of the slab is never used");
            return None;
        };
        if index.slot() / CHUNK == self.chunks.len() {
            let (Some(rows), Some(activity)) = (chunk(row.unused()), chunk(Activity::NONE)) else {
                internal_error("a chunk has its length");
                return None;
            };
            self.chunks.push(rows);
            self.activity.push(activity);
        }
        self.used += 1;
        self.top += 1;
        self[index] = row;
        Some(index)
    }

    /// Frees a slot. Returns the row that was in it.
    #[inline]
    pub(crate) fn remove(&mut self, index: RowId) -> Row {
        debug_assert!(self[index].has(flag::LIVE), "only a row in use is removed");
        let free = self.free;
        let row = self[index];
        self[index].flags = 0;
        self[index].next = free;
        self.free = Some(index);
        self.used -= 1;
        row
    }

    /// What the connection of a row has done.
    #[inline]
    pub(crate) fn activity(&self, index: RowId) -> &Activity {
        &self.activity[index.slot() / CHUNK][index.slot() % CHUNK]
    }

    /// The same, for a pass that knows more.
    #[inline]
    pub(crate) fn activity_mut(&mut self, index: RowId) -> &mut Activity {
        &mut self.activity[index.slot() / CHUNK][index.slot() % CHUNK]
    }

    /// Returns how many rows are in use.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// Returns the most rows that there can be.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns one more than the highest slot ever used. Slot 0 and some others hold no row.
    pub(crate) const fn top(&self) -> u32 {
        self.top
    }

    /// The rows in use.
    #[cfg(test)]
    /// Returns the rows in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> + '_ {
        self.with_activity().map(|(row, _)| row)
    }

    /// The rows in use, with what their connections have done.
    pub(crate) fn with_activity(&self) -> impl Iterator<Item = (&Row, &Activity)> + '_ {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let activity = self.activity.iter().flat_map(|chunk| chunk.iter());
        rows.zip(activity).filter(|(row, _)| row.has(flag::LIVE))
    }
}

/// Returns a chunk of equal cells.
fn chunk<T: Clone>(cell: T) -> Option<Box<[T; CHUNK]>> {
    vec![cell; CHUNK].into_boxed_slice().try_into().ok()
}

impl Index<RowId> for Slab {
    type Output = Row;

    #[inline]
    fn index(&self, index: RowId) -> &Row {
        &self.chunks[index.slot() / CHUNK][index.slot() % CHUNK]
    }
}

impl IndexMut<RowId> for Slab {
    #[inline]
    fn index_mut(&mut self, index: RowId) -> &mut Row {
        &mut self.chunks[index.slot() / CHUNK][index.slot() % CHUNK]
    }
}
