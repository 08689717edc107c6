//! The queries of all panels: which of them have to show something, and whether they did.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use dashboards::boards::{self, Query, Shown};
use stack::Sample;

use crate::grafana::{STEP, interpolate, of_processes};
use crate::site::Site;

/// The variable that has no value here: no container runtime names a namespace.
const NOT_THERE: &str = "namespace";

/// Queries that have not shown yet what they should, each with its dashboard.
pub(crate) struct Wanted {
    queries: Vec<(&'static str, Query)>,
}

impl Wanted {
    /// What has to be shown in a scenario; what is about it, of the processes of its cast.
    pub(crate) fn of(scenario: &str, cast: &[&str]) -> Self {
        let queries = all().filter(|(_, query)| match query.shown {
            Shown::In(name) | Shown::ValuesIn(name) => name == scenario,
            Shown::Always | Shown::ZeroWhenHealthy | Shown::InFault(_) => true,
            Shown::Seldom | Shown::OnlyInFault(_) => false,
        });
        let own = |query: Query| Query { expr: of_processes(&query.expr, cast), ..query };
        let asked = |(board, query): (&'static str, Query)| match query.shown {
            // The agent is well: these have values, whichever.
            Shown::InFault(_) => (board, Query { shown: Shown::ZeroWhenHealthy, ..query }),
            Shown::In(_) | Shown::ValuesIn(_) => (board, own(query)),
            Shown::Always | Shown::ZeroWhenHealthy | Shown::Seldom | Shown::OnlyInFault(_) => {
                (board, query)
            }
        };
        Self { queries: queries.map(asked).collect() }
    }

    /// What has to be shown while the agent fails in this way.
    pub(crate) fn of_fault(fault: &str) -> Self {
        Self { queries: all().filter(|(_, query)| fault_of(query) == Some(fault)).collect() }
    }

    /// Asks for what is left, each over the time since `from` as Grafana would draw it; whether
    /// nothing is left.
    pub(crate) fn look(&mut self, site: &Site, from: SystemTime) -> Result<bool> {
        let mut left = Vec::new();
        for (board, query) in self.queries.drain(..) {
            let series = ask(site, &query, from)
                .with_context(|| format!("{board}, {}: {}", query.panel, query.expr))?;
            if !satisfied(&series, query.shown) {
                left.push((board, query));
            }
        }
        self.queries = left;
        Ok(self.queries.is_empty())
    }

    /// What has not been shown, a line each.
    pub(crate) fn findings(self, site: &Site, from: SystemTime) -> Vec<String> {
        let finding = |(board, query): (&str, Query)| {
            let series = ask(site, &query, from).map_or(0, |series| series.len());
            let Query { panel, expr, shown, .. } = query;
            format!(
                "{board}, {panel}: expected values ({shown:?}), {series} series, none of which \
                will do: {expr}"
            )
        };
        self.queries.into_iter().map(finding).collect()
    }
}

/// Every query with its dashboard.
fn all() -> impl Iterator<Item = (&'static str, Query)> {
    boards::all()
        .into_iter()
        .flat_map(|board| board.queries.into_iter().map(move |query| (board.uid, query)))
}

/// The faults that queries are to show something in.
pub(crate) fn faults() -> BTreeSet<&'static str> {
    all().filter_map(|(_, query)| fault_of(&query)).collect()
}

const fn fault_of(query: &Query) -> Option<&'static str> {
    match query.shown {
        Shown::InFault(name) | Shown::OnlyInFault(name) => Some(name),
        _ => None,
    }
}

/// The series of a query, as Grafana asks for it: now, or over the time since `from`.
fn ask(site: &Site, query: &Query, from: SystemTime) -> Result<Vec<Sample>> {
    let asked = interpolate(&query.expr, from.elapsed().unwrap_or_default());
    if query.instant {
        site.prometheus.query(&asked)
    } else {
        site.prometheus.range(&asked, from, STEP)
    }
}

/// Whether the series are what the query promises: NaN is no value, and a row of zeros shows
/// nothing.
fn satisfied(series: &[Sample], shown: Shown) -> bool {
    let mut values =
        series.iter().flat_map(|series| &series.values).filter(|value| value.is_finite());
    match shown {
        Shown::Seldom => true,
        Shown::ZeroWhenHealthy | Shown::ValuesIn(_) => values.next().is_some(),
        Shown::Always | Shown::In(_) | Shown::InFault(_) | Shown::OnlyInFault(_) => {
            values.any(|value| *value != 0.0)
        }
    }
}

/// The variables of all dashboards that have no value from these processes.
pub(crate) fn empty_variables(site: &Site, from: SystemTime, cast: &[&str]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for board in boards::all() {
        for (name, query) in board.variables.iter().filter(|(name, _)| *name != NOT_THERE) {
            let asked = interpolate(&of_processes(query, cast), from.elapsed().unwrap_or_default());
            if values(site, &asked, from)?.is_empty() {
                findings.push(format!("{}: variable {name} has no values: {query}", board.uid));
            }
        }
    }
    Ok(findings)
}

/// What Grafana offers for a variable: `label_values(selector, label)` or `label_values(label)`.
fn values(site: &Site, query: &str, from: SystemTime) -> Result<Vec<String>> {
    let inner =
        query.trim().strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
    let inner = inner.with_context(|| format!("{query} is no label_values(…)"))?;
    let (selector, label) = inner.rsplit_once(',').unwrap_or(("{__name__=~\".+\"}", inner));
    site.prometheus.label_values(label.trim(), selector.trim(), from)
}
