//! What the agent knows of itself: numbers that other threads bring at their own cadence, so that a
//! scrape only has to read them.

use std::sync::{Arc, Mutex, PoisonError};

use agent_common::counters::CpuCounters;

use crate::kernel::probe::ProbeState;

/// The agent's own numbers.
#[derive(Clone, Debug)]
pub struct SelfStats {
    /// The kernel side's counters, summed over all CPUs.
    pub kernel: CpuCounters,
    /// When these were read, as [`crate::clock::monotonic`].
    pub counted_at: u64,
    /// Transitions for which the kernel ran neither state program.
    pub unseen: u64,
    /// Records that could not be decoded.
    pub decode_errors: DecodeErrors,
    /// Every probe, attached or not, in the order in which they are shown.
    pub probes: Vec<Probe>,
    /// The agent's process.
    pub process: ProcessSample,
    /// Inode of the network namespace that the agent runs in, shown as `host`.
    pub host_netns: u32,
}

/// Records that could not be read, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeErrors {
    /// Shorter than its kind.
    pub truncated: u64,
    /// Longer than its kind.
    pub oversized: u64,
    /// Of a kind that this agent does not know.
    pub unknown_kind: u64,
    /// With a state code that no kernel has.
    pub bad_state: u64,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its name: the tracepoint or the iterator.
    pub name: &'static str,
    /// How it ended.
    pub state: ProbeState,
    /// How often it ran and for how many seconds, while the kernel keeps statistics.
    pub runs: Option<(u64, f64)>,
    /// Runs that the kernel skipped because the probe was already running on that CPU.
    pub misses: u64,
}

/// A sample of the agent's own process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessSample {
    /// Processor time in user and kernel mode, seconds.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Open descriptors.
    pub open_fds: u64,
    /// The limit on open descriptors.
    pub max_fds: u64,
    /// Unix time at which the process started.
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

/// [`SelfStats`] that several threads fill and a scrape copies out.
#[derive(Clone, Debug, Default)]
pub struct SharedStats(Arc<Mutex<SelfStats>>);

impl SharedStats {
    /// Changes some of the numbers; readers see all of the change or none.
    pub fn update(&self, change: impl FnOnce(&mut SelfStats)) {
        // The numbers are plain values: a writer that panicked leaves them old, not broken.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A copy of all numbers.
    #[must_use]
    pub fn read(&self) -> SelfStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
