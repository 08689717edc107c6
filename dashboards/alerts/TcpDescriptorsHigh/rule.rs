//! A process with TCP sockets has most of its descriptors open, and stays there.

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::alerts::tcp_descriptors_near_limit::ratio;
use crate::threshold::USED_RATIO_CRITICAL;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// The alert TcpDescriptorsHigh.
pub const ALERT: Alert = Alert {
    name: "TcpDescriptorsHigh",
    group: "tcpwarden-limits",
    rank: 215,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "A process with TCP sockets has most of its descriptors open all the time.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has \
        {{ $value | humanizePercentage }} of its descriptors open, at least [[level]]: the next \
        burst meets the limit.",
    terms,
    board: "tcpwarden-capacity",
    panel: 32,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let level_limit = timing.limit("level", USED_RATIO_CRITICAL);
    format!("{} >= {level_limit}", ratio())
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit(
        "level",
        USED_RATIO_CRITICAL,
        Unit::Share,
        "share in use, whatever the trend",
        timing,
    )]
}
