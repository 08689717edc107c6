//! Lists the families of the page, one file for each source. Each function writes one family of one
//! scrape; none reads a clock or a file.

pub(super) mod agent;
pub(super) mod groups;
mod named;
pub(super) mod pressure;
pub(super) mod services;
pub(super) mod table;

use super::family::Family;
use super::stats::SelfStats;
use crate::conn::snapshot::{Group, Snapshot};
use crate::metrics::sorted::Sorted;
use catalogue::metrics::Metric;

/// An `Entry` is a metric and the function that writes its series in the order of the page.
pub(super) type Entry = (&'static Metric, fn(&View<'_>, &mut Family<'_>));

/// Returns every family, in the order of the page: by name.
pub(super) fn all() -> Vec<Entry> {
    let parts = [
        groups::FAMILIES,
        services::FAMILIES,
        table::FAMILIES,
        pressure::FAMILIES,
        agent::FAMILIES,
    ];
    let mut entries: Vec<Entry> = parts.concat();
    entries.sort_by_key(|(metric, _)| metric.name);
    entries
}

/// A `View` is the input of a scrape, in the order of the page.
pub(super) struct View<'a> {
    snapshot: &'a Snapshot,
    stats: &'a SelfStats,
    /// `now` is Unix time, in seconds.
    now: f64,
    groups: Sorted<&'a Group>,
    services: services::Services<'a>,
    pressure: pressure::Sources<'a>,
    namespaces: table::Namespaces,
}

impl<'a> View<'a> {
    /// Sorts everything into the order of the page; `now` is Unix time in seconds.
    pub(super) fn new(snapshot: &'a Snapshot, stats: &'a SelfStats, now: f64) -> Self {
        Self {
            snapshot,
            stats,
            now,
            groups: groups::sorted(&snapshot.groups),
            services: services::Services::new(&snapshot.services),
            pressure: pressure::Sources::new(&snapshot.pressure, stats.host_netns),
            namespaces: table::namespaces(snapshot, stats.host_netns),
        }
    }
}
