//! The marks by which the second state program knows what the first one has handled.
//!
//! Calculations only: where marks lie, and why, stands with the two programs in `agent-ebpf`.

/// How many slots for marks of tasks there are, a power of two. Two tasks that share a slot can
/// hide a skip from each other, and nothing worse.
pub const SLOTS: u32 = 4096;

/// The half of a task's mark that tells transitions apart; the other half is the thread's id.
const TRANSITION: u64 = 0xffff_ffff;

/// Returns the mark of a transition of the socket with this local port between these states, which
/// are below 16. It is never 0, because no state is.
///
/// The socket's address would identify it better than its port, but the verifier forbids to
/// calculate with it. The port will do: a mark is taken away before the next one is left, unless
/// the second program was skipped.
#[inline(always)]
#[must_use]
pub const fn transition(port: u16, old: u32, new: u32) -> u64 {
    (port as u64) << 8 | (old << 4 | new) as u64
}

/// Returns the slot of a thread. Neighbours are 64 bytes apart, so that two CPUs do not write to
/// one cache line in turn.
#[inline(always)]
#[must_use]
pub const fn slot(thread: u32) -> u32 {
    (thread << 3 | thread >> 9 & 7) & (SLOTS - 1)
}

/// Returns a thread's half of its marks.
#[inline(always)]
#[must_use]
pub const fn owner(thread: u32) -> u64 {
    (thread as u64) << 32
}

/// Returns whether a slot that does not hold the expected mark proves that the thread `owner` left
/// none: another thread's mark hides whether there was one.
#[inline(always)]
#[must_use]
pub const fn proves_absence(found: u64, owner: u64) -> bool {
    found == 0 || found & !TRANSITION == owner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_transitions_of_a_port_have_one_mark_and_none_is_0() {
        let mut seen = [false; 256];
        for old in 1..16 {
            for new in 1..16 {
                let mark = transition(0, old, new);
                assert_ne!(mark, 0);
                assert!(!core::mem::replace(&mut seen[usize::try_from(mark).unwrap()], true));
            }
        }
        assert_ne!(transition(80, 1, 8), transition(81, 1, 8));
        assert!(transition(u16::MAX, 15, 15) <= TRANSITION);
    }

    #[test]
    fn the_first_threads_have_a_slot_each_and_neighbours_lie_a_cache_line_apart() {
        extern crate std;
        let slots: std::collections::HashSet<u32> = (0..SLOTS).map(slot).collect();
        assert_eq!(slots.len(), SLOTS as usize);
        assert_eq!(slot(8) - slot(7), 8);
        assert!(slot(u32::MAX) < SLOTS);
    }

    #[test]
    fn only_an_empty_slot_or_the_threads_own_proves_that_a_mark_is_missing() {
        let thread = owner(7);
        assert!(proves_absence(0, thread));
        assert!(proves_absence(thread | transition(80, 1, 8), thread));
        assert!(!proves_absence(owner(8) | transition(80, 1, 8), thread));
    }
}
