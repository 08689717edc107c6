//! The slab of rows: one fixed-size row a live socket, addressed by a 32-bit index.
//!
//! Used by the table and its ordered lists. Guarantees: rows lie in chunks that are never moved, so
//! growing copies nothing; a freed row is used again before a new chunk is made, so a steady
//! population allocates nothing. Memory follows the highest number of rows that ever lived at once.

use std::ops::{Index, IndexMut};

use crate::conn::socket::row::{NIL, Row, flag};
use crate::internal_error::internal_error;

/// Rows in a chunk: 112 KiB, so that an idle agent stays small.
const CHUNK: usize = 1024;

/// All rows.
pub(crate) struct Slab {
    chunks: Vec<Box<[Row; CHUNK]>>,
    free: u32,
    /// One more than the highest index ever used.
    top: u32,
    used: usize,
    limit: usize,
}

impl Slab {
    /// No rows, and at most `limit` later.
    pub(crate) fn new(limit: usize) -> Self {
        Self { chunks: Vec::new(), free: NIL, top: 0, used: 0, limit: limit.min(NIL as usize - 1) }
    }

    /// Stores a row; none where the table is full.
    pub(crate) fn insert(&mut self, row: Row) -> Option<u32> {
        if self.used >= self.limit {
            return None;
        }
        if self.free != NIL {
            self.used += 1;
            let index = self.free;
            debug_assert!(!self[index].has(flag::LIVE), "a free slot holds no row");
            self.free = self[index].next;
            self[index] = row;
            return Some(index);
        }
        let index = self.top;
        if index as usize / CHUNK == self.chunks.len() {
            let Ok(chunk) = vec![row.unused(); CHUNK].into_boxed_slice().try_into() else {
                internal_error("a chunk has its length");
                return None;
            };
            self.chunks.push(chunk);
        }
        self.used += 1;
        self.top += 1;
        self[index] = row;
        Some(index)
    }

    /// Gives a row back, and its last contents.
    #[inline]
    pub(crate) fn remove(&mut self, index: u32) -> Row {
        debug_assert!(self[index].has(flag::LIVE), "only a row in use is removed");
        let free = self.free;
        let row = self[index];
        self[index].flags = 0;
        self[index].next = free;
        self.free = index;
        self.used -= 1;
        row
    }

    /// How many rows are in use.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// The most rows there can be.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// One more than the highest index in use; some below may be free.
    pub(crate) const fn top(&self) -> u32 {
        self.top
    }

    /// The rows in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> + '_ {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).filter(|row| row.has(flag::LIVE))
    }
}

impl Index<u32> for Slab {
    type Output = Row;

    #[inline]
    fn index(&self, index: u32) -> &Row {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl IndexMut<u32> for Slab {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Row {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}
