//! The per-CPU counters: what the kernel side counts by itself, so that no full ring can hide it.
//!
//! The probes add through a [`Counter`]; the agent sums the blocks of all CPUs and reads the sum
//! back with [`CpuCounters::from_words`]. A counter is one line in this file.

use core::mem::offset_of;

use crate::tcp;

/// Declares the counters: the member of the block, its name for the probes.
macro_rules! counters {
    ($($(#[$doc:meta])* $member:ident $name:ident;)+) => {
        /// One block of counters of one CPU.
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct CpuCounters {
            /// Transitions seen, at [`tcp::cell`]: how many state records the ring should have
            /// carried.
            pub transitions: [u64; tcp::CELLS],
            $($(#[$doc])* pub $member: u64,)+
            /// No count: the last transition of a socket that no task had locked, in the block of
            /// the first state program; see `agent_common::mark`.
            pub mark: u64,
        }

        impl CpuCounters {
            /// Counters of a kernel side that has not counted anything.
            pub const ZERO: Self = Self { transitions: [0; tcp::CELLS], $($member: 0,)+ mark: 0 };

            /// Returns the counters whose words, in the order of the members, are these. A sum of
            /// marks means nothing: it is left out.
            #[must_use]
            pub fn from_words(words: &[u64; COUNTER_WORDS]) -> Self {
                let mut counters = Self::ZERO;
                for (count, word) in counters.transitions.iter_mut().zip(words) {
                    *count = *word;
                }
                $(counters.$member = words[Counter::$name.word()];)+
                counters
            }
        }

        impl Counter {
            $($(#[$doc])* pub const $name: Self = Self(offset_of!(CpuCounters, $member));)+
        }
    };
}

/// Names a counter of [`CpuCounters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(usize);

impl Counter {
    /// Returns where the counter lies in its block, bytes; it is a multiple of 8 and inside.
    #[inline(always)]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.0
    }

    const fn word(self) -> usize {
        self.0 / size_of::<u64>()
    }
}

/// The size of [`CpuCounters`], in words of eight bytes.
pub const COUNTER_WORDS: usize = size_of::<CpuCounters>() / size_of::<u64>();

counters! {
    /// All transitions seen; the sum of the matrix.
    states STATES;
    /// State records that the ring refused, and closes of what is no `tcp_sock`.
    states_lost STATES_LOST;
    /// Retransmit and SYN-ACK records that should have been carried.
    retransmits RETRANSMITS;
    /// Retransmit and SYN-ACK records that the ring refused, and those of what is no `tcp_sock`.
    retransmits_lost RETRANSMITS_LOST;
    /// Resets sent (`tcp_send_reset`).
    resets_sent RESETS_SENT;
    /// Resets received (`tcp_receive_reset`).
    resets_received RESETS_RECEIVED;
    /// Transitions that the second program found without the first one's mark, those of protocols
    /// other than TCP included.
    second SECOND;
}

const _: () = assert!(size_of::<CpuCounters>() == 8 * (256 + 8));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_into_the_members_that_the_probes_counted_in() {
        let mut words = [0; COUNTER_WORDS];
        words[tcp::cell(1, 8)] = 5;
        words[Counter::STATES.word()] = 6;
        words[Counter::SECOND.word()] = 7;
        words[COUNTER_WORDS - 1] = 99;
        let counters = CpuCounters::from_words(&words);
        assert_eq!(counters.transitions.iter().sum::<u64>(), 5);
        assert_eq!(counters.transitions[0x18], 5);
        assert_eq!((counters.states, counters.second, counters.resets_sent), (6, 7, 0));
        assert_eq!(counters.mark, 0, "a sum of marks means nothing");
    }
}
