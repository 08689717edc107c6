//! A cache of the group that an owner was last found to have. A record of a known owner then costs
//! one comparison instead of a cleaned name and two look-ups.
//!
//! Used by the groups. Guarantees: an answer is never older than the last change of what it rests
//! on, because the groups clear the cache then. The size is fixed: a new answer replaces the one in
//! its slot.

use crate::conn::ids::GroupId;

/// The number of slots; a power of two.
const SLOTS: usize = 256;

/// Odd factors without a pattern: the last is 2^64 over the golden ratio.
const FACTORS: [u64; 4] =
    [0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93, 0x9E37_79B9_7F4A_7C15];
/// The shift that leaves the highest bits of a product, as many as the slots need.
const SHIFT: u32 = u64::BITS - SLOTS.ilog2();

/// The key of an answer: a command name or another group, the cgroup, the process and the role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey([u64; 4]);

impl CacheKey {
    /// Returns the key for a process by its name; `role` is the index of a role.
    #[inline]
    pub(crate) fn name(comm: &[u8; 16], cgroup: u64, tgid: u32, role: usize) -> Self {
        let (front, back) = comm.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        Self([word(front), word(back), cgroup, u64::from(tgid) | (role as u64) << 32])
    }

    /// Returns the key for the process of another group; `role` is the index of a role.
    #[inline]
    pub(crate) fn relative(group: GroupId, cgroup: u64, tgid: u32, role: usize) -> Self {
        Self([u64::from(group.get()), 0, cgroup, u64::from(tgid) | (role as u64) << 32 | 1 << 40])
    }

    #[inline]
    fn slot(self) -> usize {
        let [front, back, cgroup, owner] = self.0;
        let mixed = front.wrapping_mul(FACTORS[0])
            ^ back.wrapping_mul(FACTORS[1])
            ^ cgroup.wrapping_mul(FACTORS[2]);
        // Multiplication carries low bits upwards only, so the slot comes from the highest bits.
        ((mixed ^ owner).wrapping_mul(FACTORS[3]) >> SHIFT) as usize % SLOTS
    }
}

/// The last answers, one a slot.
pub(crate) struct GroupCache {
    slots: Box<[(CacheKey, GroupId)]>,
    /// The epoch of the workloads that the answers rest on.
    epoch: u64,
}

impl GroupCache {
    /// Creates an empty cache.
    pub(crate) fn new() -> Self {
        Self { slots: vec![NOTHING; SLOTS].into_boxed_slice(), epoch: 0 }
    }

    /// Returns the group, if it is cached and no workload has changed since.
    #[inline]
    pub(crate) fn get(&self, key: CacheKey, epoch: u64) -> Option<GroupId> {
        let (asked, group) = self.slots.get(key.slot())?;
        (*asked == key && self.epoch == epoch).then_some(*group)
    }

    /// Remembers an answer.
    pub(crate) fn put(&mut self, key: CacheKey, epoch: u64, group: GroupId) {
        if self.epoch != epoch {
            self.clear();
            self.epoch = epoch;
        }
        debug_assert!(key != NOTHING.0, "nobody asks the question of an empty slot");
        if let Some(slot) = self.slots.get_mut(key.slot()) {
            *slot = (key, group);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(NOTHING);
    }
}

/// A key that no look-up has, because no role has that index.
const NOTHING: (CacheKey, GroupId) = (CacheKey([u64::MAX; 4]), GroupId::FIRST);
