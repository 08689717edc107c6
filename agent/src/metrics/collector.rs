//! The collector: families from one snapshot at each scrape, so that no series outlives what it
//! tells of.

use std::time::{Duration, SystemTime};

use prometheus::core::Desc;
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use super::catalogue;
use super::families::{agent, groups, pressure, services, table};
use super::stats::SharedStats;
use crate::conn::snapshot::Snapshot;

/// Makes a snapshot of the connection table.
type Source = Box<dyn Fn() -> Snapshot + Send + Sync>;
/// Tells the wall-clock time.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Collects everything in the catalogue.
pub struct Collector {
    descriptions: Vec<Desc>,
    source: Source,
    stats: SharedStats,
    clock: Clock,
}

impl Collector {
    /// A collector that asks `source` for the table and `stats` for the agent's own numbers.
    ///
    /// # Errors
    /// A metric of the catalogue is not one that Prometheus takes; a test excludes that.
    pub fn new(source: impl Fn() -> Snapshot + Send + Sync + 'static, stats: SharedStats) -> prometheus::Result<Self> {
        let describe = |metric: &catalogue::Metric| {
            let labels = metric.labels.iter().map(ToString::to_string).collect();
            Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, std::collections::HashMap::new())
        };
        let descriptions = catalogue::all().map(describe).collect::<prometheus::Result<_>>()?;
        Ok(Self { descriptions, source: Box::new(source), stats, clock: Box::new(SystemTime::now) })
    }

    /// The same with another clock.
    #[cfg(test)]
    pub(super) fn at(mut self, time: SystemTime) -> Self {
        self.clock = Box::new(move || time);
        self
    }

    /// A registry that holds nothing but this collector.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn registry(self) -> prometheus::Result<Registry> {
        let registry = Registry::new();
        registry.register(Box::new(self))?;
        Ok(registry)
    }
}

impl prometheus::core::Collector for Collector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let snapshot = (self.source)();
        let stats = self.stats.read();
        let now = (self.clock)();
        let mut families = groups::families(&snapshot);
        families.extend(services::families(&snapshot));
        families.extend(table::families(&snapshot, &stats, unix_seconds(now)));
        families.extend(pressure::families(&snapshot, stats.host_netns));
        families.extend(agent::families(&snapshot, &stats));
        families.into_iter().filter_map(super::family::Family::finish).collect()
    }
}

/// The whole page, text format 0.0.4.
///
/// # Errors
/// The encoder refuses a family; that would be a fault in the collector.
pub fn render(registry: &Registry) -> prometheus::Result<String> {
    TextEncoder::new().encode_to_string(&registry.gather())
}

/// Seconds since 1970; 0 for a clock before that.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
