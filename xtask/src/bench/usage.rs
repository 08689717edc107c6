//! What a process takes and holds, as the kernel tells it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use testkit::process::Process;

/// Processor time of all threads of a process, including those that have ended.
pub(super) fn cpu(process: &Process) -> Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(process.id().cast_signed()))
        .with_context(|| format!("find the clock of {}", process.name()))?;
    Ok(clock_gettime(clock)
        .with_context(|| format!("read the clock of {}", process.name()))?
        .into())
}

/// How often its threads have waited and were woken. Threads that have ended are not counted.
pub(super) fn wakeups(process: &Process) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", process.id())) else { return 0 };
    let texts = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    let own = |text: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?
            .trim()
            .parse::<u64>()
            .ok()
    };
    texts.filter_map(|text| own(&text)).sum()
}

/// Its resident memory in bytes.
pub(super) fn resident_bytes(process: &Process) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.id()))
        .with_context(|| format!("read the status of {}", process.name()))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no resident memory is told")?;
    Ok(line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .context("read the resident memory")?
        << 10)
}

/// The kinds of its anonymous descriptors, sorted: what it holds of the kernel.
pub(super) fn kernel_objects(process: &Process) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", process.id())) else {
        return Vec::new();
    };
    let links = entries
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|link| link.to_string_lossy().into_owned());
    let mut objects: Vec<String> = links.filter(|link| link.starts_with("anon_inode:")).collect();
    objects.sort();
    objects
}
