//! An agent loses records: its counters are too low.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::{EVENTS, EVENTS_LOST};

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::{rate, sum};
use crate::timing::{FOR_LONG, KEEP, Timing};

/// Records lost a second by one agent.
pub const EVENTS_LOST_RATE: f64 = 0.1;

/// Share of records lost: counters are wrong by so much; gauges are corrected by the next pass.
pub const EVENTS_LOST_RATIO: f64 = 0.001;

/// The alert TcpwardenEventsLost.
pub const ALERT: Alert = Alert {
    name: "TcpwardenEventsLost",
    group: "tcpwarden-agent",
    rank: 730,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "An agent loses records: its counters are too low.",
    description: "{{ $labels.instance }} loses {{ $value | humanizePercentage }} of its records, \
        at least [[ratio]] and [[rate]]: counters are short \
        by as much; gauges are corrected by the next pass.",
    terms,
    board: "tcpwarden-agent",
    panel: 13,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let ratio_limit = timing.limit("ratio", EVENTS_LOST_RATIO);
    let rate_limit = timing.limit("rate", EVENTS_LOST_RATE);
    let lost = sum(&["ring"], &rate(&EVENTS_LOST, &[], timing));
    let applied = sum(&["event"], &rate(&EVENTS, &[], timing));
    format!("{lost}\n/ ({applied} + {lost}) >= {ratio_limit}\nand\n{lost} >= {rate_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit("ratio", EVENTS_LOST_RATIO, Unit::Share, "share of records that are lost", timing),
        limit("rate", EVENTS_LOST_RATE, Unit::Rate, "records that are lost", timing),
    ]
}
