//! What the agent takes and shows at one moment, once a second.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::agent::Agent;
use testkit::client::Client;
use testkit::page::Page;
use testkit::usage::Usage;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// One moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Seconds since the begin of the load.
    pub(super) after: f64,
    /// What the agent and its children take.
    pub(super) usage: Usage,
    /// The page.
    pub(super) page: Shown,
    /// Rows of its table.
    rows: i64,
    /// Records that a full ring lost, and rows that passes corrected, since its start.
    lost: i64,
    corrected: i64,
}

impl Sample {
    /// Asks the agent and the kernel.
    ///
    /// # Errors
    /// The agent does not answer, or has ended.
    pub(super) fn take(pid: u32, client: &Client, start: Instant) -> Result<Self> {
        let page = Page::parse(&client.get("/metrics")?);
        let usage = Usage::of(pid)?;
        Ok(Self {
            after: start.elapsed().as_secs_f64(),
            usage,
            page: Shown::of(&page),
            rows: page.sum("connections_tracked", &[]),
            lost: page.sum("events_lost_total", &[]),
            corrected: page.sum("reconcile_corrections_total", &[]),
        })
    }
}

/// How large a page is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    /// Its bytes.
    bytes: usize,
    /// Its series.
    series: usize,
    /// The values of its labels, each once a label; network namespaces and bounds of buckets apart.
    pub(super) values: usize,
    /// Its network namespaces.
    pub(super) namespaces: usize,
    /// Series that are there again.
    pub(super) twice: usize,
}

impl Shown {
    /// Measures a page.
    pub(super) fn of(page: &Page) -> Self {
        let values: BTreeSet<_> = page.iter().flat_map(|one| &one.labels).collect();
        let count = |is: fn(&str) -> bool| values.iter().filter(|value| is(value.0)).count();
        let series: BTreeSet<_> = page.iter().map(|one| (&one.name, &one.labels)).collect();
        Self {
            bytes: page.text.len(),
            series: page.iter().count(),
            twice: page.iter().count() - series.len(),
            values: count(|label| !["netns", "le"].contains(&label)),
            namespaces: count(|label| label == "netns"),
        }
    }

    /// Returns how many bytes a series takes; 0 without series.
    #[expect(clippy::cast_precision_loss, reason = "neither is near 2^53")]
    pub(super) fn bytes_each(self) -> f64 {
        self.bytes as f64 / self.series.max(1) as f64
    }
}

#[cfg(test)]
impl Sample {
    /// A sample of a test.
    pub(super) fn of_memory(after: f64, kibibytes: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the tests use small numbers"
        )]
        let usage = Usage { memory: (kibibytes as u64) << 10, ..Usage::default() };
        Self { after, usage, page: Shown::default(), rows: 0, lost: 0, corrected: 0 }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} KiB in {} processes, {} descriptors, a page of {} KiB \
             with {} series, {} rows; {} records lost, \
             {} rows corrected so far",
            self.usage.memory >> 10,
            self.usage.processes,
            self.usage.descriptors,
            self.page.bytes >> 10,
            self.page.series,
            self.rows,
            self.lost,
            self.corrected
        )
    }
}

/// All samples of a run.
pub(super) struct Samples {
    /// In their order.
    pub(super) taken: Vec<Sample>,
    /// How often there was none.
    pub(super) unanswered: u64,
}

/// Takes samples on a thread of its own.
pub(super) struct Sampler {
    pid: u32,
    client: Client,
    start: Instant,
}

impl Sampler {
    /// One that samples this agent.
    pub(super) fn of(agent: &Agent, start: Instant) -> Self {
        Self { pid: agent.process.id(), client: agent.client.clone(), start }
    }

    /// Samples until `over` is set.
    pub(super) fn run(&self, over: &AtomicBool) -> Samples {
        let mut samples = Samples { taken: Vec::new(), unanswered: 0 };
        while !over.load(Ordering::Relaxed) {
            match Sample::take(self.pid, &self.client, self.start) {
                Ok(sample) => samples.taken.push(sample),
                Err(_) => samples.unanswered += 1,
            }
            std::thread::sleep(EVERY);
        }
        samples
    }
}
