//! Which group an owner was last found to have, so that a record of an owner that is known costs
//! one comparison instead of a name made clean, a workload looked up and a name looked up.
//!
//! Used by the groups. Guarantees: never an answer that is older than the last change of what it
//! rests on (its owner empties it then); a fixed size, whatever names come: one that finds its
//! slot taken takes it.

use crate::conn::ids::GroupId;

/// How many answers are kept; a power of two.
const SLOTS: usize = 256;

/// Odd numbers without a pattern, the last 2^64 over the golden ratio.
const FACTORS: [u64; 4] =
    [0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93, 0x9E37_79B9_7F4A_7C15];
/// Leaves the highest bits of a product, as many as the slots need.
const SHIFT: u32 = u64::BITS - SLOTS.ilog2();

/// What an answer is found by: a command name or the group of a relative, the cgroup, the process
/// and the role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey([u64; 4]);

impl CacheKey {
    /// The group of a process by its name; `role` is a role's index.
    #[inline]
    pub(crate) fn name(comm: &[u8; 16], cgroup: u64, tgid: u32, role: usize) -> Self {
        let (front, back) = comm.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        Self([word(front), word(back), cgroup, u64::from(tgid) | (role as u64) << 32])
    }

    /// The group of another's process; `role` is a role's index.
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
        // What differs in low bits only shows in all higher ones.
        ((mixed ^ owner).wrapping_mul(FACTORS[3]) >> SHIFT) as usize % SLOTS
    }
}

/// The last answers.
pub(crate) struct GroupCache {
    slots: Box<[(CacheKey, GroupId)]>,
    /// The state of the workloads that the answers rest on.
    epoch: u64,
}

impl GroupCache {
    /// No answers.
    pub(crate) fn new() -> Self {
        Self { slots: vec![NOTHING; SLOTS].into_boxed_slice(), epoch: 0 }
    }

    /// The group, if it is known and nothing has changed since.
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
        if let Some(slot) = self.slots.get_mut(key.slot()) {
            *slot = (key, group);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(NOTHING);
    }
}

/// A question that nobody asks: no owner has that role.
const NOTHING: (CacheKey, GroupId) = (CacheKey([u64::MAX; 4]), GroupId::FIRST);
