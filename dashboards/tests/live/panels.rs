//! The queries of all panels: which of them have to show something, and whether they did.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use dashboards::boards::{self, Shown};
use stack::Sample;

use crate::grafana::{STEP, interpolate};
use crate::site::Site;

/// Queries that have not shown yet what they should.
pub(crate) struct Wanted {
    queries: Vec<(&'static str, String, Shown)>,
}

impl Wanted {
    /// What has to be shown in a scenario.
    pub(crate) fn of(scenario: &str) -> Self {
        let all = boards::all().into_iter().flat_map(|board| board.queries.into_iter().map(move |query| (board.uid, query)));
        let queries = all.filter(|(_, query)| match query.shown {
            Shown::In(name) => name == scenario,
            Shown::Always | Shown::ZeroWhenHealthy => true,
        });
        Self { queries: queries.map(|(board, query)| (board, query.expr, query.shown)).collect() }
    }

    /// Asks for what is left, each over the time since `from` as Grafana would draw it; whether nothing is left.
    pub(crate) fn look(&mut self, site: &Site, from: SystemTime) -> Result<bool> {
        let mut left = Vec::new();
        for (board, expr, shown) in self.queries.drain(..) {
            let asked = interpolate(&expr, from.elapsed().unwrap_or_default());
            let series = site.prometheus.range(&asked, from, STEP).with_context(|| format!("{board}: {expr}"))?;
            if !satisfied(&series, shown) {
                left.push((board, expr, shown));
            }
        }
        self.queries = left;
        Ok(self.queries.is_empty())
    }

    /// What has not been shown, a line each.
    pub(crate) fn complaints(self, site: &Site, from: SystemTime) -> Vec<String> {
        let complaint = |(board, expr, shown): (&str, String, Shown)| {
            let asked = interpolate(&expr, from.elapsed().unwrap_or_default());
            let series = site.prometheus.range(&asked, from, STEP).map_or(0, |series| series.len());
            format!("{board}: expected values ({shown:?}), got {series} series, none of which will do: {expr}")
        };
        self.queries.into_iter().map(complaint).collect()
    }
}

/// Whether the series are what the query promises: NaN is no value, and a row of zeros shows nothing.
fn satisfied(series: &[Sample], shown: Shown) -> bool {
    let mut values = series.iter().flat_map(|series| &series.values).filter(|value| value.is_finite());
    match shown {
        Shown::ZeroWhenHealthy => values.next().is_some(),
        Shown::Always | Shown::In(_) => values.any(|value| *value != 0.0),
    }
}

/// The variables of all dashboards that have no value.
pub(crate) fn empty_variables(site: &Site, from: SystemTime) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for board in boards::all() {
        for (name, query) in &board.variables {
            let asked = interpolate(query, from.elapsed().unwrap_or_default());
            if values(site, &asked, from)?.is_empty() {
                complaints.push(format!("{}: variable {name} has no values: {query}", board.uid));
            }
        }
    }
    Ok(complaints)
}

/// What Grafana offers for a variable: `label_values(selector, label)` or `label_values(label)`.
fn values(site: &Site, query: &str, from: SystemTime) -> Result<Vec<String>> {
    let inner = query.trim().strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
    let inner = inner.with_context(|| format!("{query} is no label_values(…)"))?;
    let (selector, label) = inner.rsplit_once(',').unwrap_or(("{__name__=~\".+\"}", inner));
    site.prometheus.label_values(label.trim(), selector.trim(), from)
}
