//! The kernel side's counters, summed over all CPUs.
//!
//! Read by the ingest thread and by `tcpwarden events` on their cadence: what the kernel counted is
//! the yardstick for what the rings carried.

use agent_common::counters::{COUNTER_WORDS, CpuCounters};
use aya::maps::{MapData, MapError, PerCpuArray};

/// The map of the counters.
pub struct Counters {
    map: PerCpuArray<MapData, [u64; COUNTER_WORDS]>,
}

impl Counters {
    /// Takes the map that the loaded kernel side writes.
    #[must_use]
    pub const fn new(map: PerCpuArray<MapData, [u64; COUNTER_WORDS]>) -> Self {
        Self { map }
    }

    /// Returns the counters of all CPUs and of all blocks together.
    ///
    /// # Errors
    /// If the kernel does not let the map be read.
    pub fn read(&self) -> Result<CpuCounters, MapError> {
        let mut total = [0; COUNTER_WORDS];
        for block in self.map.iter() {
            for cpu in block?.iter() {
                total.iter_mut().zip(cpu).for_each(|(sum, one)| *sum += one);
            }
        }
        Ok(CpuCounters::from_words(&total))
    }
}
