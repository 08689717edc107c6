//! Sockets that nobody has any more are so many that the kernel begins to reset them.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::pressure::{ORPHANS, SYSCTL};

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::{eq, series, sum};
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Share of `net.ipv4.tcp_max_orphans`. An orphan whose peer has been silent for minutes counts
/// twice, so from half of it on the kernel resets (`tcp_out_of_resources`, since Linux 2.4).
pub const ORPHAN_RATIO: f64 = 0.5;

/// The alert TcpOrphansNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpOrphansNearLimit",
    group: "tcpwarden-limits",
    rank: 260,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Sockets that nobody has any more are so many that the kernel begins to reset them.",
    description: "{{ $labels.instance }} has orphaned sockets for {{ $value | humanizePercentage \
        }} of net.ipv4.tcp_max_orphans, at least [[level]]: the kernel resets those whose peers \
        are silent, and all above the limit.",
    terms,
    board: "tcpwarden-capacity",
    panel: 51,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let level_limit = timing.limit("level", ORPHAN_RATIO);
    let limit = sum(&["name"], &series(&SYSCTL, &[eq("name", "tcp_max_orphans")]));
    format!("{}\n/ {limit} >= {level_limit}", series(&ORPHANS, &[]))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit("level", ORPHAN_RATIO, Unit::Share, "share of `net.ipv4.tcp_max_orphans`", timing)]
}
