//! The collector makes a page from one snapshot at each scrape, so that no series outlives what it
//! describes.

use std::time::{Duration, SystemTime};

use super::page::{Page, Spare};
use super::selection::Selection;
use super::stats::SharedStats;
use super::writer::Writer;
use crate::conn::snapshot::Snapshot;

/// A `Source` makes a snapshot of the connection table.
type Source = Box<dyn Fn() -> Snapshot + Send + Sync>;
/// A `Clock` returns the wall-clock time.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// A `Collector` collects every metric in the catalogue.
pub struct Collector {
    writer: Writer,
    source: Source,
    stats: SharedStats,
    clock: Clock,
    spare: Spare,
}

impl Collector {
    /// Returns a collector that asks `source` for the table and `stats` for the agent's own
    /// numbers.
    pub fn new(source: impl Fn() -> Snapshot + Send + Sync + 'static, stats: SharedStats) -> Self {
        Self {
            writer: Writer::new(),
            source: Box::new(source),
            stats,
            clock: Box::new(SystemTime::now),
            spare: Spare::default(),
        }
    }

    /// Returns the collector for pages that have only what is selected.
    #[must_use]
    pub fn showing(mut self, selection: &Selection) -> Self {
        self.writer = Writer::of(selection);
        self
    }

    /// Returns the collector with a clock that stands still at `time`.
    #[cfg(test)]
    pub(crate) fn at(mut self, time: SystemTime) -> Self {
        self.clock = Box::new(move || time);
        self
    }

    /// Returns the whole page, text format 0.0.4.
    #[must_use]
    pub fn page(&self) -> Page {
        let (snapshot, stats) = ((self.source)(), self.stats.read());
        let mut page = self.spare.page();
        self.writer.write(&snapshot, &stats, unix_seconds((self.clock)()), page.text());
        page
    }
}

/// Returns seconds since 1970; 0 for a clock before that.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
