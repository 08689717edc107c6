//! What there is to know of the machine.

use std::fs;

use super::report::Machine;

/// Looks; what cannot be found is said to be unknown.
pub(super) fn look() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':').map(str::trim).map(str::to_owned));
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
