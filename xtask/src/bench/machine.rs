//! What there is to know of the machine.

use std::fs;

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::report::Machine;

/// The unit of `/proc/stat`, the same on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// What all CPUs together have done.
pub(super) struct Clock {
    at: Instant,
    busy: f64,
    stolen: f64,
}

impl Clock {
    /// Now.
    pub(super) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
        let line = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("cpu "))
            .context("/proc/stat does not begin with all CPUs")?;
        let ticks: Vec<f64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests took is in user and
        // nice.
        let of = |places: &[usize]| {
            places.iter().filter_map(|place| ticks.get(*place)).sum::<f64>() / TICKS_A_SECOND
        };
        Ok(Self { at: Instant::now(), busy: of(&[0, 1, 2, 5, 6]), stolen: of(&[7]) })
    }

    /// CPUs that were busy since then with anything but `own` seconds, and that were stolen.
    pub(super) fn others(&self, own: f64) -> Result<(f64, f64)> {
        let now = Self::now()?;
        let elapsed = now.at.duration_since(self.at).as_secs_f64();
        Ok(((now.busy - self.busy - own).max(0.0) / elapsed, (now.stolen - self.stolen) / elapsed))
    }
}

/// Looks; what cannot be found is said to be unknown.
pub(super) fn look() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| {
            line.strip_prefix(key)?.trim_start().strip_prefix(':').map(str::trim).map(str::to_owned)
        });
        line.unwrap_or_else(|| "unknown".to_owned())
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    Machine {
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        cpu_model: value(&read("/proc/cpuinfo"), "model name"),
        memory_bytes: memory.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) << 10,
    }
}
