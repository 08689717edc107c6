//! Writes the page: every family of the catalogue, in one pass, from one snapshot.

use super::families::{self, Entry, View};
use super::family::Family;
use super::selection::Selection;
use super::stats::SelfStats;
use crate::conn::snapshot::Snapshot;

/// A `Writer` writes pages.
pub struct Writer {
    families: Vec<Entry>,
    is_coarse: bool,
}

impl Writer {
    /// Returns a writer of every metric.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&Selection::ALL)
    }

    /// Returns a writer for any number of pages that have what is selected.
    #[must_use]
    pub fn of(selection: &Selection) -> Self {
        let mut families = families::all();
        families.retain(|(metric, _)| selection.has(metric));
        Self { families, is_coarse: selection.is_coarse() }
    }

    /// Appends the whole page, text format 0.0.4; `now` is Unix time in seconds. Apart from growing
    /// the page it allocates some dozen times, whatever the number of series.
    pub fn write(&self, snapshot: &Snapshot, stats: &SelfStats, now: f64, page: &mut Vec<u8>) {
        let view = View::new(snapshot, stats, now);
        for (metric, write) in &self.families {
            write(&view, &mut Family::new(metric, self.is_coarse, page));
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}
