//! Holds the agent's own numbers. Other threads update them at their own cadence, so that a scrape
//! only reads memory.

use std::sync::{Arc, Mutex, PoisonError};

use agent_common::counters::CpuCounters;

use crate::kernel::probe::ProbeState;

/// `SelfStats` are the agent's own numbers.
#[derive(Clone, Debug)]
pub struct SelfStats {
    /// These are the kernel side's counters, summed over all CPUs.
    pub kernel: CpuCounters,
    /// The kernel side's counters were read at this time, in nanoseconds of
    /// [`crate::clock::monotonic`].
    pub counted_at: u64,
    /// This counts transitions for which the kernel ran neither state program.
    pub unseen: u64,
    /// This counts records that could not be decoded.
    pub decode_errors: DecodeErrors,
    /// This lists every probe, attached or not, in the order in which they are shown.
    pub probes: Vec<Probe>,
    /// This is the last sample of the agent's process.
    pub process: ProcessSample,
    /// This is the inode of the network namespace that the agent runs in, shown as `host`.
    pub host_netns: u32,
}

/// `DecodeErrors` counts the records that could not be decoded, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeErrors {
    /// The record was shorter than its kind.
    pub truncated: u64,
    /// The record was longer than its kind.
    pub oversized: u64,
    /// The record was of a kind that this agent does not know.
    pub unknown_kind: u64,
    /// The record had a state code that no kernel has.
    pub bad_state: u64,
}

/// `Probe` says whether a probe is attached and how often it ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The name is that of the tracepoint or the iterator.
    pub name: &'static str,
    /// The state says whether it is attached, and if not, why.
    pub state: ProbeState,
    /// It ran so often and for so many seconds; none unless the kernel keeps statistics.
    pub runs: Option<(u64, f64)>,
    /// The kernel skipped so many runs because the probe was already running on that CPU.
    pub misses: u64,
}

/// `ProcessSample` is a sample of the agent's own process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessSample {
    /// The process used so much CPU time in user and kernel mode, in seconds.
    pub cpu_seconds: f64,
    /// The process has so much memory in RAM, in bytes.
    pub resident_bytes: u64,
    /// The process has so many descriptors open.
    pub open_fds: u64,
    /// The process may have so many descriptors open.
    pub max_fds: u64,
    /// The process started at this Unix time, in seconds.
    pub start_time: f64,
}

impl Default for SelfStats {
    fn default() -> Self {
        Self {
            kernel: CpuCounters::ZERO,
            counted_at: 0,
            unseen: 0,
            decode_errors: DecodeErrors::default(),
            probes: Vec::new(),
            process: ProcessSample::default(),
            host_netns: 0,
        }
    }
}

/// `SharedStats` are [`SelfStats`] that several threads update and a scrape copies.
#[derive(Clone, Debug, Default)]
pub struct SharedStats(Arc<Mutex<SelfStats>>);

impl SharedStats {
    /// Changes some of the numbers. Readers see all of the change or none.
    pub fn update(&self, change: impl FnOnce(&mut SelfStats)) {
        // The numbers are plain values: a writer that panicked leaves them old, not broken.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns a copy of all numbers.
    #[must_use]
    pub fn read(&self) -> SelfStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
