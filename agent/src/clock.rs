//! `CLOCK_MONOTONIC`, the clock of every record (`bpf_ktime_get_ns`).

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Returns the time of `CLOCK_MONOTONIC` in nanoseconds.
#[must_use]
pub(crate) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    debug_assert!(time.is_ok(), "every Linux has CLOCK_MONOTONIC");
    u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}
