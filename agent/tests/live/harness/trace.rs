//! A trace buffer of its own (an instance below `/sys/kernel/tracing/instances`), and how many
//! events came to it: a count of tracepoint events that needs no BPF program.
//!
//! `witness` counts with it what the agent's programs should have run for, `unreported` the resets
//! that the tracepoint reports.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::mount::{MsFlags, mount};

/// Where the kernel shows its trace buffers.
const TRACEFS: &str = "/sys/kernel/tracing";

/// How the names of the tests' buffers begin; the process id and a number follow.
const PREFIX: &str = "tcpwarden-live-";

/// A trace buffer, removed when it is dropped.
pub(super) struct TraceBuffer(PathBuf);

impl TraceBuffer {
    /// A buffer with no event enabled; none where the kernel offers no trace buffer.
    pub(super) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let instances = Path::new(TRACEFS).join("instances");
        if !instances.exists() && !super::in_a_guest() {
            // Elsewhere it is mounted at boot.
            mount(Some("tracefs"), TRACEFS, Some("tracefs"), MsFlags::empty(), None::<&str>)
                .ok()?;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let instance = instances.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&instance).ok()?;
        Some(Self(instance))
    }

    /// Takes an event (`group/name`) in; says whether this kernel has it.
    pub(super) fn enable(&self, event: &str) -> bool {
        self.set(event, "enable", "1")
    }

    /// Takes in only those events for which a condition on their fields holds.
    pub(super) fn filter(&self, event: &str, condition: &str) -> bool {
        self.set(event, "filter", condition)
    }

    fn set(&self, event: &str, file: &str, value: &str) -> bool {
        fs::write(self.0.join("events").join(event).join(file), value).is_ok()
    }

    /// All events that came to the buffer: those in it and those that newer ones have displaced.
    pub(super) fn events(&self) -> Option<i64> {
        let mut sum = 0;
        for cpu in fs::read_dir(self.0.join("per_cpu")).ok()? {
            let text = fs::read_to_string(cpu.ok()?.path().join("stats")).ok()?;
            let values = text.lines().filter_map(|line| line.split_once(": "));
            let counted = values.filter(|(name, _)| {
                ["entries", "overrun", "commit overrun", "dropped events"].contains(name)
            });
            sum += counted.filter_map(|(_, value)| value.trim().parse::<i64>().ok()).sum::<i64>();
        }
        Some(sum)
    }
}

impl Drop for TraceBuffer {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(instance: &Path) {
    let _ = fs::write(instance.join("events/enable"), "0");
    let _ = fs::remove_dir(instance);
}

/// Removes the buffers of test processes that have ended; one that a signal ends leaves its own.
pub(crate) fn remove_stale() {
    for entry in fs::read_dir(Path::new(TRACEFS).join("instances")).into_iter().flatten().flatten()
    {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
        }
    }
}
