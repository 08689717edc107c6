//! `CLOCK_MONOTONIC`, the clock of every record (`bpf_ktime_get_ns`), and the length of a jiffy.
//!
//! A time namespace shifts what a process reads of the clock (`timens_add_monotonic`, 5.6), and not
//! what the kernel side reads. Guarantee: times of this module are those of the machine.

use std::fs::{read_link, read_to_string};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use nix::time::{ClockId, clock_getres, clock_gettime};

/// By how many nanoseconds the clock of this process is ahead of that of the machine. The time
/// namespace of a process with threads cannot change (`timens_install`, 5.6).
static AHEAD: LazyLock<i64> = LazyLock::new(|| ahead(Path::new("/proc/self")));

/// Returns the time of the machine's `CLOCK_MONOTONIC` in nanoseconds, in whatever time namespace
/// this process is.
#[must_use]
pub(crate) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    debug_assert!(time.is_ok(), "every Linux has CLOCK_MONOTONIC");
    let time = u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
    time.saturating_add_signed(AHEAD.saturating_neg())
}

/// Returns the CPU time that all threads of this process have taken, longer than any if the kernel
/// does not tell.
#[must_use]
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::MAX, Duration::from)
}

/// Returns by how many nanoseconds the time namespace of a process shifts its clock; 0 where the
/// kernel does not tell.
///
/// `timens_offsets` tells it of the namespace in which the children of the process are born
/// (`proc_timens_show_offsets`, 5.6), which is its own unless it has left that for them.
fn ahead(process: &Path) -> i64 {
    let namespace = |name| read_link(process.join("ns").join(name)).ok();
    if namespace("time") != namespace("time_for_children") {
        tracing::warn!(
            "the agent has left its time namespace for its children: ages may be wrong; start it \
             with `unshare --time --fork`"
        );
        return 0;
    }
    let offsets = read_to_string(process.join("timens_offsets")).unwrap_or_default();
    parse(&offsets).unwrap_or(0)
}

/// Finds the offset of `CLOCK_MONOTONIC`, seconds and nanoseconds, among the lines.
fn parse(offsets: &str) -> Option<i64> {
    let line = offsets.lines().find_map(|line| line.strip_prefix("monotonic"))?;
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<i64>);
    let (seconds, nanoseconds) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

/// Returns the length of a jiffy in nanoseconds: the resolution of the coarse clocks, which the
/// kernel moves once a jiffy (`posix_get_coarse_res`, 5.10 to 6.18). 4 ms if that is refused.
#[must_use]
pub(crate) fn tick() -> u64 {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).map(Duration::from);
    debug_assert!(tick.is_ok(), "every Linux has CLOCK_MONOTONIC_COARSE");
    tick.ok().and_then(|tick| u64::try_from(tick.as_nanos()).ok()).unwrap_or(4_000_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_of_a_time_namespace_is_read() {
        let lines = "monotonic      100000         7\nboottime            3         0\n";
        assert_eq!(parse(lines), Some(100_000_000_000_007));
        assert_eq!(parse("monotonic -5 250000000\n"), Some(-4_750_000_000));
        for other in ["", "boottime 5 0\n", "monotonic x 0\n", "monotonic 9223372036854775807 0"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
        assert_eq!(ahead(Path::new("/proc/self")), 0, "tests run in the machine's own");
    }
}
