//! The collector: a page from one snapshot at each scrape, so that no series outlives what it tells
//! of.

use std::time::{Duration, SystemTime};

use super::page::{Page, Spare};
use super::stats::SharedStats;
use super::writer::Writer;
use crate::conn::snapshot::Snapshot;

/// Makes a snapshot of the connection table.
type Source = Box<dyn Fn() -> Snapshot + Send + Sync>;
/// Tells the wall-clock time.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Collects everything in the catalogue.
pub struct Collector {
    writer: Writer,
    source: Source,
    stats: SharedStats,
    clock: Clock,
    spare: Spare,
}

impl Collector {
    /// A collector that asks `source` for the table and `stats` for the agent's own numbers.
    pub fn new(source: impl Fn() -> Snapshot + Send + Sync + 'static, stats: SharedStats) -> Self {
        Self {
            writer: Writer::new(),
            source: Box::new(source),
            stats,
            clock: Box::new(SystemTime::now),
            spare: Spare::default(),
        }
    }

    /// The same with another clock.
    #[cfg(test)]
    pub(super) fn at(mut self, time: SystemTime) -> Self {
        self.clock = Box::new(move || time);
        self
    }

    /// The whole page, text format 0.0.4.
    #[must_use]
    pub fn page(&self) -> Page {
        let (snapshot, stats) = ((self.source)(), self.stats.read());
        let mut page = self.spare.page();
        self.writer.write(&snapshot, &stats, unix_seconds((self.clock)()), page.text());
        page
    }
}

/// Seconds since 1970; 0 for a clock before that.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
