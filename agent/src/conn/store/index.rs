//! The index from a socket's kernel address to its row.
//!
//! Used by the store. One open-addressed table would be rehashed as a whole when it grows, while
//! records wait. So the addresses are spread over [`SHARDS`] tables, each of which grows by itself.
//! Guarantees: a slot takes five bytes, and at least half of the slots are in use once a shard has
//! grown past its first ones. A record waits for the rehash of one shard at most.

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;

use super::slab::Slab;
use crate::conn::ids::RowId;

/// The number of shards; a power of two.
const SHARDS: usize = 64;
/// The bits of a hash that choose the shard: above those that choose the slot, below those that are
/// stored beside it.
const SHARD_SHIFT: u32 = 48;

/// The rows by their sockets' addresses, in shards.
pub(crate) struct Index([HashTable<RowId>; SHARDS]);

impl Index {
    /// Creates an empty index.
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| HashTable::new()))
    }

    /// Returns the row of a socket.
    #[inline]
    pub(crate) fn find(&self, sk: u64, rows: &Slab) -> Option<RowId> {
        let hash = hash(sk);
        self.0[shard(hash)].find(hash, |index| rows[*index].sk == sk).copied()
    }

    /// Returns the entry of a socket, to be removed.
    #[inline]
    pub(crate) fn entry(&mut self, sk: u64, rows: &Slab) -> Option<OccupiedEntry<'_, RowId>> {
        let hash = hash(sk);
        self.0[shard(hash)].find_entry(hash, |index| rows[*index].sk == sk).ok()
    }

    /// Adds a row whose socket has none.
    pub(crate) fn insert(&mut self, sk: u64, index: RowId, rows: &Slab) {
        debug_assert!(self.find(sk, rows).is_none(), "a socket has at most one row");
        let of = hash(sk);
        self.0[shard(of)].insert_unique(of, index, |index| hash(rows[*index].sk));
    }

    /// Returns how many rows there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(HashTable::len).sum()
    }
}

#[inline]
const fn shard(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize % SHARDS
}

/// Returns a hash of a kernel address. The low bits of such addresses are zero and the high bits
/// equal, so the two halves of a product by an odd constant (2^64 over the golden ratio) are folded
/// together.
#[inline]
const fn hash(sk: u64) -> u64 {
    let product = sk.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_slab_spread_evenly_over_the_tables() {
        for step in [64, 2304, 2432, 4096, 1 << 16] {
            let mut counts = [0_u32; SHARDS];
            (0..64_000_u64)
                .for_each(|at| counts[shard(hash(0xffff_8880_0000_0000 + at * step))] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(*least > 700 && *most < 1300, "{step}: {least} to {most}");
        }
    }
}
