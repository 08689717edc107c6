//! A moment at which the kernel's counters, its socket lists and the agent's page can be compared.

use std::time::{Duration, Instant};

use testkit::page::Page;

use super::agent::Agent;
use super::kernel::{Counters, Sockets};
use super::wait_for;

/// The kernel's books and the agent's, of the same moment.
pub(crate) struct Moment {
    /// Summed over the machine.
    pub(crate) counters: Counters,
    /// Summed over the machine.
    pub(crate) sockets: Sockets,
    /// The agent's page.
    pub(crate) page: Page,
}

impl Moment {
    /// Waits until nothing moves: the same counters and the same lists before and after the agent
    /// has drained its ring and made two passes over the socket list.
    pub(crate) fn at_rest(agent: &Agent) -> Self {
        let start = Instant::now();
        let patience = Duration::from_mins(3);
        loop {
            let before = (Counters::machine(), Sockets::machine());
            // Once a second the agent asks the kernel for the runs of its programs.
            std::thread::sleep(Duration::from_millis(1500));
            let passes = agent.scrape().sum("reconcile_duration_seconds_count", &[]);
            let page = wait_for("two reconcile passes", super::PATIENCE, || {
                let page = agent.scrape();
                (page.sum("reconcile_duration_seconds_count", &[]) >= passes + 2).then_some(page)
            });
            let after = (Counters::machine(), Sockets::machine());
            if before == after {
                let (counters, sockets) = after;
                return Self { counters, sockets, page };
            }
            assert!(
                start.elapsed() < patience,
                "the machine did not come to rest in {patience:?}: {before:?}, then {after:?}"
            );
        }
    }

    /// The books of this very moment, unless the kernel's lists move.
    pub(crate) fn now(agent: &Agent) -> Option<Self> {
        let sockets = Sockets::machine();
        let page = agent.scrape();
        (sockets == Sockets::machine()).then(|| Self {
            counters: Counters::default(),
            sockets,
            page,
        })
    }

    /// Sockets that are in FIN_WAIT2 by their transitions and in no gauge of connections.
    pub(crate) fn full_orphans(&self) -> i64 {
        self.sockets.get("fin_wait2_full_orphan")
    }
}

/// Two moments, one before and one after a workload.
#[derive(Clone, Copy)]
pub(crate) struct Between<'a> {
    /// Before it.
    pub(crate) before: &'a Moment,
    /// After it.
    pub(crate) after: &'a Moment,
}

impl Between<'_> {
    /// By how much a sum of series of the agent's page has grown.
    pub(crate) fn delta(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.after.page.sum(name, labels) - self.before.page.sum(name, labels)
    }

    /// By how much the count of a transition has grown.
    pub(crate) fn moved(&self, old: &str, new: &str) -> i64 {
        self.delta("transitions_total", &[("old", old), ("new", new)])
    }

    /// By how much the number of sockets grew that are in FIN_WAIT2 and in no gauge.
    pub(crate) fn full_orphans(&self) -> i64 {
        self.after.full_orphans() - self.before.full_orphans()
    }
}
