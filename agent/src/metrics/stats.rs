//! Holds the agent's own numbers. Other threads update them at their own cadence, so that a scrape
//! only reads memory.

use std::sync::{Arc, Mutex, PoisonError};

use agent_common::counters::CpuCounters;

use crate::kernel::probe::ProbeState;
use crate::kernel::sight::Limit;
use crate::version::Build;

/// The agent's own numbers.
#[derive(Clone, Debug)]
pub struct SelfStats {
    /// Which build the agent is.
    pub build: Build,
    /// The kernel side's counters, summed over all CPUs.
    pub kernel: CpuCounters,
    /// When the kernel side's counters were read, nanoseconds of [`crate::clock::monotonic`].
    pub counted_at: u64,
    /// Transitions for which the kernel ran neither state program.
    pub unseen: u64,
    /// Records that could not be decoded.
    pub decode_errors: DecodeErrors,
    /// Every probe, attached or not, in the order in which they are shown.
    pub probes: Vec<Probe>,
    /// What can hide a part of the machine.
    pub limits: Vec<Limit>,
    /// Whether the web configuration is in force as its files have it; `None` without one.
    pub web_config_in_force: Option<bool>,
    /// The last sample of the agent's process.
    pub process: ProcessSample,
    /// Inode of the network namespace that the agent runs in, shown as `host`.
    pub host_netns: u32,
    /// What runs out, as of the last sample.
    pub running_out: Vec<RunsOut>,
    /// The processes, by name and workload, that nothing accuses beside what is expected.
    pub expected: Vec<(Arc<str>, Arc<str>)>,
}

impl SelfStats {
    /// Notes whether something hides a part of the machine. Returns whether it does now and did not
    /// before.
    pub fn note_limit(&mut self, limit: Limit) -> bool {
        let before = self.limits.iter().position(|known| known.name == limit.name);
        let hid = before.is_some_and(|at| self.limits.swap_remove(at).hides);
        self.limits.push(limit);
        limit.hides && !hid
    }
}

/// A resource that runs out.
#[derive(Clone, Debug, PartialEq)]
pub struct RunsOut {
    /// Whose.
    pub whose: Whose,
    /// In how many seconds, about.
    pub seconds: f64,
}

/// What runs out, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The descriptors of a process, by its name and workload.
    Descriptors(Arc<str>, Arc<str>),
    /// The local ports of a network namespace, by its inode.
    Ports(u32),
    /// The accept queue of a process, by its name, workload and port; `None` beyond the budget.
    AcceptQueue(Arc<str>, Arc<str>, Option<u16>),
}

/// The number of records that could not be decoded, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeErrors {
    /// Records that were shorter than their kind.
    pub truncated: u64,
    /// Records that were longer than their kind.
    pub oversized: u64,
    /// Records of a kind that this agent does not know.
    pub unknown_kind: u64,
    /// Records with a state code that no kernel has.
    pub bad_state: u64,
}

/// Whether a probe is attached, and how often it ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Name of the tracepoint or the iterator.
    pub name: &'static str,
    /// Whether the probe is attached, and if not, why.
    pub state: ProbeState,
    /// Number of runs and their time in seconds; `None` unless the kernel keeps statistics.
    pub runs: Option<(u64, f64)>,
    /// Runs that the kernel skipped because the probe was already running on that CPU.
    pub misses: u64,
}

/// A sample of the agent's own process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessSample {
    /// CPU time in user and kernel mode, seconds.
    pub cpu_seconds: f64,
    /// Memory in RAM, bytes.
    pub resident_bytes: u64,
    /// Open descriptors.
    pub open_fds: u64,
    /// The most descriptors that it may open.
    pub max_fds: u64,
    /// Start of the process, Unix time in seconds.
    pub start_time: f64,
}

impl Default for SelfStats {
    fn default() -> Self {
        Self {
            build: Build::default(),
            kernel: CpuCounters::ZERO,
            counted_at: 0,
            unseen: 0,
            decode_errors: DecodeErrors::default(),
            probes: Vec::new(),
            limits: Vec::new(),
            web_config_in_force: None,
            process: ProcessSample::default(),
            host_netns: 0,
            running_out: Vec::new(),
            expected: Vec::new(),
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
