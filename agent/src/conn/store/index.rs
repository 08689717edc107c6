//! From a socket's kernel address to its row.
//!
//! Used by the store. One open-addressed table would be copied as a whole when it grows, with a
//! look at every row, while records wait: so the addresses are spread over [`SHARDS`] small ones,
//! each of which grows by itself. Guarantees: five bytes a slot, and at least half of them in use
//! once a shard has grown past its first slots; growing holds a record up for a 64th of all rows
//! at the most.

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;

use super::slab::Slab;
use crate::conn::ids::RowId;

/// How many tables there are; a power of two.
const SHARDS: usize = 64;
/// The bits of a hash that choose the table: above those that choose the slot in it, below those
/// kept beside it.
const SHARD_SHIFT: u32 = 48;

/// The rows' indices by their sockets' addresses.
pub(crate) struct Index([HashTable<RowId>; SHARDS]);

impl Index {
    /// No rows.
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| HashTable::new()))
    }

    /// The row of a socket.
    #[inline]
    pub(crate) fn find(&self, sk: u64, rows: &Slab) -> Option<RowId> {
        let hash = hash(sk);
        self.0[shard(hash)].find(hash, |index| rows[*index].sk == sk).copied()
    }

    /// The row of a socket, ready to be taken out.
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

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(HashTable::len).sum()
    }
}

#[inline]
const fn shard(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize % SHARDS
}

/// A hash for kernel addresses: their low bits are zero and their high bits equal, so the
/// two halves of a product by an odd constant (2^64 over the golden ratio) are folded together.
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
