//! Agents of several versions run side by side for hours: a rollout has stopped half way.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::BUILD_INFO;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{count_by, series};
use crate::timing::{FOR_ROLLOUT, KEEP, SEEN, Timing};

/// Versions that run side by side.
pub const VERSIONS: f64 = 2.0;

/// The alert TcpwardenVersionSkew.
pub const ALERT: Alert = Alert {
    name: "TcpwardenVersionSkew",
    group: "tcpwarden-agent",
    rank: 717,
    severity: Severity::Warning,
    expr,
    hold: FOR_ROLLOUT,
    keep: KEEP,
    summary: "Agents of several versions run side by side: a rollout has stopped half way.",
    description: "{{ $value }} versions of the agent ({{ $labels.job }}) have run side by side for \
        hours; the limit is [[versions]].",
    terms,
    board: "tcpwarden-fleet",
    panel: 41,
    runbook: include_str!("runbook.md"),
};

/// An agent that misses a scrape, or is started again, counts by what it showed last: the time of a
/// rollout does not begin anew. Each version counts once, on however many machines it runs.
fn expr(timing: &Timing) -> String {
    let versions_limit = timing.limit("versions", VERSIONS);
    let shown = format!("max_over_time({}[{}])", series(&BUILD_INFO, &[]), timing.span(SEEN));
    format!("{} >= {versions_limit}", count_by("job", &count_by("job, version", &shown)))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit("versions", VERSIONS, Unit::Count, "versions that run side by side", timing),
        term("seen", timing.span(SEEN), "an agent counts by what it showed within so long"),
    ]
}
