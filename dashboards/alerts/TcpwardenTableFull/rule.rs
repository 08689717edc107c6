//! An agent's connection table is full: new connections are not watched.

use catalogue::metrics::agent::CONNECTIONS_REFUSED;

use crate::alert::{Alert, Severity};
use crate::rules::promql::rate;
use crate::rules::shared::nothing;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// The alert TcpwardenTableFull.
pub const ALERT: Alert = Alert {
    name: "TcpwardenTableFull",
    group: "tcpwarden-agent",
    rank: 780,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "An agent's connection table is full: new connections are not watched.",
    description: "{{ $labels.instance }} refuses {{ printf `%.2f` $value }} connections a second \
        because its table is full.",
    terms: nothing,
    board: "tcpwarden-agent",
    panel: 16,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    format!("{} > 0", rate(&CONNECTIONS_REFUSED, &[], timing))
}
