//! The processes that read the kernel's lists, and the agent itself: they hold and lock sockets
//! that are not theirs.
//!
//! Used by attribution and by the descriptor tables. What a lock put off happens in the process
//! that gives the lock back (`release_sock`, 6.18), so a record of a reader names no owner.

/// How many readers are remembered: a reader that waited for a lock goes on after the next has
/// begun.
const REMEMBERED: usize = 40;

/// The processes that use no socket of those that they hold or lock, by their kernel ids; 0 stands
/// for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readers {
    /// The reader of the present list comes first.
    lists: [u32; REMEMBERED],
    agent: u32,
    /// A bit for each of these ids, by its lowest six bits: most processes are told by it.
    filter: u64,
}

impl Default for Readers {
    fn default() -> Self {
        Self { lists: [0; REMEMBERED], agent: 0, filter: 0 }
    }
}

/// Returns the bit of an id.
#[inline]
const fn bit(tgid: u32) -> u64 {
    1 << (tgid % u64::BITS)
}

impl Readers {
    /// Notes who reads.
    #[inline]
    pub(super) fn note(&mut self, reader: u32) {
        if self.lists[0] != reader {
            self.put_first(reader);
        }
    }

    #[cold]
    fn put_first(&mut self, reader: u32) {
        let last = self.lists.iter().position(|known| *known == reader);
        self.lists[..=last.unwrap_or(REMEMBERED - 1)].rotate_right(1);
        self.lists[0] = reader;
        self.filter = self.lists.iter().fold(bit(self.agent), |filter, tgid| filter | bit(*tgid));
    }

    /// Notes the agent's own id.
    pub(super) const fn know_agent(&mut self, agent: u32) {
        self.agent = agent;
        self.filter |= bit(agent);
    }

    /// Returns whether a process locks sockets only to show them.
    #[inline]
    pub(super) fn has(&self, tgid: u32) -> bool {
        self.filter & bit(tgid) != 0 && self.is_listed(tgid)
    }

    #[cold]
    #[inline(never)]
    fn is_listed(&self, tgid: u32) -> bool {
        self.lists.contains(&tgid) || self.agent == tgid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_readers_and_the_agent_are_known() {
        let mut readers = Readers::default();
        readers.know_agent(99);
        for reader in [1, 2, 1, 2, 3] {
            readers.note(reader);
        }
        assert!([1, 2, 3, 99].into_iter().all(|tgid| readers.has(tgid)));
        let rest = u32::try_from(REMEMBERED).expect("a small number") - 1;
        for reader in 100..100 + rest {
            readers.note(reader);
        }
        assert!(readers.has(3) && !readers.has(1), "what changed places did not fill them");
        assert!(!readers.has(99 + 64) && !readers.has(3 + 64), "ids of the same bit");
    }
}
