//! An agent's connection table is nearly full.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::{CONNECTIONS_LIMIT, CONNECTIONS_TRACKED};

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::series;
use crate::threshold::USED_RATIO_WARNING;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// The alert TcpwardenTableNearFull. Its limit lies below the fifteen sixteenths from which on a
/// large workload is refused.
pub const ALERT: Alert = Alert {
    name: "TcpwardenTableNearFull",
    group: "tcpwarden-agent",
    rank: 775,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "An agent's connection table is nearly full.",
    description: "{{ $value | humanizePercentage }} of the connection table of \
        {{ $labels.instance }} is used; the limit is [[used]]. A full one takes no new connections.",
    terms,
    board: "tcpwarden-agent",
    panel: 16,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let used_limit = timing.limit("used", USED_RATIO_WARNING);
    let (rows, all) = (series(&CONNECTIONS_TRACKED, &[]), series(&CONNECTIONS_LIMIT, &[]));
    format!("{rows} / {all} >= {used_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit("used", USED_RATIO_WARNING, Unit::Share, "share of the table that is used", timing)]
}
