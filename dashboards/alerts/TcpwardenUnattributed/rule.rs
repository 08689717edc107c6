//! An agent does not know the owners of many connections.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::{CONNECTIONS_TRACKED, CONNECTIONS_UNATTRIBUTED};

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::series;
use crate::timing::{FOR_AGENT, KEEP, Timing};

/// Rows without an owner; below, their share says nothing.
pub const UNATTRIBUTED_CONNECTIONS: f64 = 50.0;

/// Share of rows without an owner.
pub const UNATTRIBUTED_RATIO: f64 = 0.2;

/// The alert TcpwardenUnattributed.
pub const ALERT: Alert = Alert {
    name: "TcpwardenUnattributed",
    group: "tcpwarden-agent",
    rank: 760,
    severity: Severity::Warning,
    expr,
    hold: FOR_AGENT,
    keep: KEEP,
    summary: "An agent does not know the owners of many connections.",
    description: "{{ $value | humanizePercentage }} of the connections of {{ $labels.instance }} \
        have no known owner, at least [[ratio]] and [[count]]: \
        they are counted under process=unknown.",
    terms,
    board: "tcpwarden-agent",
    panel: 15,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let ratio_limit = timing.limit("ratio", UNATTRIBUTED_RATIO);
    let count_limit = timing.limit("count", UNATTRIBUTED_CONNECTIONS);
    let (without, all) =
        (series(&CONNECTIONS_UNATTRIBUTED, &[]), series(&CONNECTIONS_TRACKED, &[]));
    format!("{without} / {all} >= {ratio_limit}\nand\n{without} >= {count_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "ratio",
            UNATTRIBUTED_RATIO,
            Unit::Share,
            "share of the rows without an owner",
            timing,
        ),
        limit("count", UNATTRIBUTED_CONNECTIONS, Unit::Count, "rows without an owner", timing),
    ]
}
