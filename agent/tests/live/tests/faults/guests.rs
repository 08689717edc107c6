//! Faults that only a guest may suffer: its clock is set, its kernel locks itself down.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

use super::{Before, OFTEN};
use crate::harness::agent::{Agent, binary};
use crate::harness::listing;
use crate::harness::netns::Netns;
use crate::tests::Test;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(crate) const TESTS: &[Test] =
    &[("portable::guest::a_step_of_the_wall_clock_moves_no_age", stepped)];
/// The last of all: a kernel that is locked down stays so.
pub(crate) const LAST: &[Test] =
    &[("portable::guest::a_kernel_that_locks_itself_down_is_named", locked_down)];

/// More than all tests of a guest take.
const DAY: i64 = 86_400;

fn set_forward(seconds: i64) {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).expect("the wall clock");
    let then = TimeSpec::new(now.tv_sec() + seconds, now.tv_nsec());
    clock_settime(ClockId::CLOCK_REALTIME, then).expect("set the wall clock");
}

/// A day forward, two back, and one forward again.
fn stepped() {
    let (netns, agent) = (Netns::new(), Agent::start(&OFTEN));
    let mut hanging = Hanging::default();
    netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        hanging.forgotten(&site, 5);
        hanging.keep(site);
    });
    let ages = || {
        let rows = listing::rows(&agent, &format!("netns={}&state=close_wait", netns.inode));
        assert_eq!(rows.len(), 5);
        let age = |field: &'static str| {
            rows.iter().map(move |row| row[field].as_f64().expect("an age")).fold(0.0, f64::max)
        };
        Duration::from_secs_f64(age("age_seconds").max(age("connection_age_seconds")))
    };
    let before = Before::of(&agent);
    let begun = std::time::Instant::now();
    let first = ages();
    for step in [DAY, -2 * DAY, DAY] {
        set_forward(step);
        before.is_back(&agent, &format!("a step of {step} s"));
        let (grown, most) = (ages().saturating_sub(first), begun.elapsed());
        assert!(grown <= most, "in {most:?} and a step of {step} s ages grew by {grown:?}");
        assert!(grown + Duration::from_secs(1) >= most, "they stood still: {grown:?} of {most:?}");
    }
}

fn locked_down() {
    let folder = Path::new("/sys/kernel/security");
    if !folder.join("lockdown").exists() {
        testkit::shell::run("mount -t securityfs securityfs /sys/kernel/security")
            .expect("mount securityfs");
    }
    // Debian's kernels have it (CONFIG_LSM).
    std::fs::write(folder.join("lockdown"), "confidentiality").expect("lock the kernel down");
    let output = Command::new(binary()).arg("check").output().expect("run check");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("lockdown=integrity"), "check said {said:?}");
    assert_eq!(output.status.code(), Some(4), "the exit code of check, which said {said:?}");
}
