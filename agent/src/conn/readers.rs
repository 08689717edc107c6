//! The processes that read the kernel's lists, and the agent itself: they hold and lock sockets
//! that are not theirs.
//!
//! Used by attribution and by the descriptor tables. What a lock put off happens in the process
//! that gives the lock back (`release_sock`, 6.18), so a record of a reader names no owner.

/// How many readers are remembered: a reader that waited for a lock goes on after the next has
/// begun.
const REMEMBERED: usize = 8;

/// The processes that use no socket of those that they hold or lock, by their kernel ids; 0 stands
/// for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readers {
    /// The reader of the present list comes first.
    lists: [u32; REMEMBERED],
    agent: u32,
}

impl Readers {
    /// Notes who reads.
    #[inline]
    pub(super) fn note(&mut self, reader: u32) {
        if self.lists[0] != reader {
            let last = self.lists.iter().position(|known| *known == reader);
            self.lists[..=last.unwrap_or(REMEMBERED - 1)].rotate_right(1);
            self.lists[0] = reader;
        }
    }

    /// Notes the agent's own id.
    pub(super) const fn know_agent(&mut self, agent: u32) {
        self.agent = agent;
    }

    /// Returns whether a process locks sockets only to show them.
    #[inline]
    pub(super) fn has(&self, tgid: u32) -> bool {
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
        for reader in 10..17 {
            readers.note(reader);
        }
        assert!(readers.has(3) && !readers.has(1), "what changed places did not fill them");
    }
}
