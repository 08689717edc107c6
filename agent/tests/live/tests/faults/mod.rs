//! Faults from outside, a file each kind. After each the gauges are exact within one pass, memory
//! and descriptors are where they were, and no row was corrected that no loss explains.

pub(super) mod crowds;
pub(super) mod guests;
pub(super) mod hooks;
pub(super) mod long;
pub(super) mod stops;
pub(super) mod views;

use std::time::Duration;

use testkit::usage::Usage;

use super::equalities::gauges::gauges;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::settle::Moment;
use crate::harness::{PATIENCE, wait_for};

/// By how much memory may grow over a fault, bytes: pages of the allocator that were not touched
/// before.
const PLATEAU: u64 = 3 << 20;

/// Passes come five times a second, so that what takes two of them takes no time.
const OFTEN: [&str; 2] = ["--reconcile-interval", "0.2"];

/// What an agent takes and has counted before a fault.
struct Before {
    usage: Usage,
    corrections: i64,
    lost: i64,
}

fn passes(agent: &Agent) -> i64 {
    agent.scrape().sum("reconcile_duration_seconds_count", &[])
}

fn corrections(agent: &Agent) -> i64 {
    agent.scrape().sum("reconcile_corrections_total", &[])
}

fn lost(agent: &Agent) -> i64 {
    agent.scrape().sum("events_lost_total", &[])
}

impl Before {
    fn of(agent: &Agent) -> Self {
        Self { usage: agent.usage(), corrections: corrections(agent), lost: lost(agent) }
    }

    /// The agent is as it was: exact, as large, without a correction where nothing was lost.
    fn is_back(&self, agent: &Agent, what: &str) {
        exact(agent, what);
        if lost(agent) == self.lost {
            assert_eq!(corrections(agent), self.corrections, "{what}: corrections without a loss");
        }
        assert_eq!(agent.get("/readyz").0, 200, "{what}: it is ready");
        assert_eq!(agent.get("/healthz").0, 200, "{what}: it is alive");
        let fits = |usage: Usage| {
            usage.memory <= self.usage.memory + PLATEAU
                && usage.descriptors <= self.usage.descriptors
                && usage.processes <= self.usage.processes
        };
        let mut now = agent.usage();
        testkit::wait::poll(PATIENCE, || {
            now = agent.usage();
            fits(now).then_some(())
        });
        assert!(fits(now), "{what}: {now:?} after {:?}", self.usage);
    }
}

/// Every gauge of a state equals the kernel's lists once the pass has ended that began after this
/// call, at the latest.
fn exact(agent: &Agent, what: &str) {
    let begun = passes(agent);
    wait_for(&format!("{what}: a pass"), PATIENCE, || (passes(agent) >= begun + 2).then_some(()));
    let mut ledger = None;
    // A look that falls between a transition and its record shows nothing.
    for _ in 0..5 {
        let moment = wait_for("a moment at which nothing moves", PATIENCE, || Moment::now(agent));
        let found = gauges(&moment, &[]);
        if found.balanced() {
            return;
        }
        ledger = Some(found);
        std::thread::sleep(Duration::from_millis(60));
    }
    panic!("{what}: not exact\n{}", ledger.expect("a look").table());
}

/// Connections of all kinds in a namespace, for as long as `work` lasts, but at least so many.
fn beside<T>(netns: &Netns, least: usize, work: impl FnOnce() -> T) -> T {
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::workload::{LOOPBACKS, Site, short};
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            netns.enter(|| {
                let site = Site::open(LOOPBACKS[0]);
                let mut made = 0;
                while made < least || !over.load(Ordering::Relaxed) {
                    short::mixed(&site, 100);
                    made += 100;
                }
            });
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        load.join().expect("the load");
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
