//! An agent's table keeps differing from the kernel's own list.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::{RECONCILE_CORRECTIONS, TRANSITIONS};

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::{rate, sum};
use crate::timing::{FOR_AGENT, KEEP, Timing};

/// Corrections a second by reconcile passes.
pub const DRIFT_RATE: f64 = 0.2;

/// Corrections per state transition.
pub const DRIFT_RATIO: f64 = 0.01;

/// The alert TcpwardenDriftFound.
pub const ALERT: Alert = Alert {
    name: "TcpwardenDriftFound",
    group: "tcpwarden-agent",
    rank: 740,
    severity: Severity::Warning,
    expr,
    hold: FOR_AGENT,
    keep: KEEP,
    summary: "An agent's table keeps differing from the kernel's own list.",
    description: "Passes of {{ $labels.instance }} correct {{ printf `%.2f` $value }} rows a \
        second, at least [[rate]] and [[ratio]] of the state \
        transitions: the agent misses some of what happens.",
    terms,
    board: "tcpwarden-agent",
    panel: 14,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", DRIFT_RATE);
    let ratio_limit = timing.limit("ratio", DRIFT_RATIO);
    let corrections = sum(&["kind"], &rate(&RECONCILE_CORRECTIONS, &[], timing));
    let transitions = sum(&["old", "new"], &rate(&TRANSITIONS, &[], timing));
    format!("{corrections} >= {rate_limit}\nand\n{corrections}\n/ {transitions} >= {ratio_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit("rate", DRIFT_RATE, Unit::Rate, "corrections by passes", timing),
        limit("ratio", DRIFT_RATIO, Unit::Share, "corrections per state transition", timing),
    ]
}
