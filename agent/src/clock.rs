//! `CLOCK_MONOTONIC`, the clock of every record (`bpf_ktime_get_ns`), and the length of a jiffy.

use std::time::Duration;

use nix::time::{ClockId, clock_getres, clock_gettime};

/// Returns the time of `CLOCK_MONOTONIC` in nanoseconds.
#[must_use]
pub(crate) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    debug_assert!(time.is_ok(), "every Linux has CLOCK_MONOTONIC");
    u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the length of a jiffy in nanoseconds: the resolution of the coarse clocks, which the
/// kernel moves once a jiffy (`posix_get_coarse_res`, 5.10 to 6.18). 4 ms if that is refused.
#[must_use]
pub(crate) fn tick() -> u64 {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).map(Duration::from);
    debug_assert!(tick.is_ok(), "every Linux has CLOCK_MONOTONIC_COARSE");
    tick.ok().and_then(|tick| u64::try_from(tick.as_nanos()).ok()).unwrap_or(4_000_000).max(1)
}
