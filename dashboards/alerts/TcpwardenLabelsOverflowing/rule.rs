//! An agent has used up a budget of labels: label sets that come later are counted under ~other.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::LABEL_OVERFLOW;

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::rate;
use crate::timing::{FOR_AGENT, KEEP, Timing};

/// Connections or rows a second that are counted under `~other` because a budget of labels is used
/// up: six a minute.
pub const LABEL_OVERFLOW_RATE: f64 = 0.1;

/// The alert TcpwardenLabelsOverflowing.
pub const ALERT: Alert = Alert {
    name: "TcpwardenLabelsOverflowing",
    group: "tcpwarden-agent",
    rank: 770,
    severity: Severity::Info,
    expr,
    hold: FOR_AGENT,
    keep: KEEP,
    summary: "An agent has used up a budget of labels: label sets that come later are counted \
        under ~other.",
    description: "On {{ $labels.instance }} {{ printf `%.2f` $value }} connections or rows a \
        second exceed the budget {{ $labels.family }} and are counted under ~other, at least \
        [[rate]]: culprits among them have no name, and alerts on processes leave them out.",
    terms,
    board: "tcpwarden-agent",
    panel: 17,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", LABEL_OVERFLOW_RATE);
    format!("{} >= {rate_limit}", rate(&LABEL_OVERFLOW, &[], timing))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit(
        "rate",
        LABEL_OVERFLOW_RATE,
        Unit::Rate,
        "connections and rows counted under `~other` because one budget is used up",
        timing,
    )]
}
