//! The kernel side's counters, summed over all CPUs.
//!
//! Read by the ingest thread and by `tcpwarden events` on their cadence: what the kernel counted is
//! the yardstick for what the rings carried.

use agent_common::record::CpuCounters;
use aya::maps::{MapData, MapError, PerCpuArray};

use crate::kernel::load::COUNTER_WORDS;

/// The counters' map.
pub struct Counters {
    map: PerCpuArray<MapData, [u64; COUNTER_WORDS]>,
}

impl Counters {
    /// Reads from the map that the loaded kernel side writes.
    #[must_use]
    pub const fn new(map: PerCpuArray<MapData, [u64; COUNTER_WORDS]>) -> Self {
        Self { map }
    }

    /// The counters of all CPUs and of both shares together.
    ///
    /// # Errors
    /// Where the kernel does not let the map be read.
    pub fn read(&self) -> Result<CpuCounters, MapError> {
        let mut total = [0; COUNTER_WORDS];
        for share in self.map.iter() {
            for cpu in share?.iter() {
                total.iter_mut().zip(cpu).for_each(|(sum, one)| *sum += one);
            }
        }
        Ok(from_words(&total))
    }
}

/// The words of `CpuCounters`, in the order of its members.
fn from_words(words: &[u64; COUNTER_WORDS]) -> CpuCounters {
    let (transitions, rest) = words.split_first_chunk().unwrap_or((&[0; 256], &[]));
    let word = |index: usize| rest.get(index).copied().unwrap_or(0);
    CpuCounters {
        transitions: *transitions,
        states: word(0),
        states_lost: word(1),
        retransmits: word(2),
        retransmits_lost: word(3),
        resets_sent: word(4),
        resets_received: word(5),
        second: word(6),
        mark: 0,
    }
}
