//! Sockets in TIME_WAIT are about to be as many as the kernel keeps.

use catalogue::metrics::connections::TIME_WAIT_SOCKETS;
use catalogue::metrics::pressure::SYSCTL;

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::{eq, not_other, series, sum};
use crate::threshold::USED_RATIO_WARNING;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// The alert TcpTimeWaitNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpTimeWaitNearLimit",
    group: "tcpwarden-limits",
    rank: 250,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "Sockets in TIME_WAIT are about to be as many as the kernel keeps.",
    description: "TIME_WAIT in network namespace {{ $labels.netns }} of {{ $labels.instance }} is \
        at {{ $value | humanizePercentage }} of net.ipv4.tcp_max_tw_buckets, at least [[level]]. \
        At the limit the kernel ends it early, and late segments can hit a new connection.",
    terms,
    board: "tcpwarden-capacity",
    panel: 14,
    runbook: include_str!("runbook.md"),
};

/// Each namespace has a limit of its own; the agent reads the one of its own namespace. Namespaces
/// that share a label are none.
fn expr(timing: &Timing) -> String {
    let level_limit = timing.limit("level", USED_RATIO_WARNING);
    let waiting = series(&TIME_WAIT_SOCKETS, &[not_other("netns")]);
    let limit = sum(&["name"], &series(&SYSCTL, &[eq("name", "tcp_max_tw_buckets")]));
    format!("{waiting}\n/ ignoring (netns) group_left () {limit} >= {level_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit(
        "level",
        USED_RATIO_WARNING,
        Unit::Share,
        "share of `net.ipv4.tcp_max_tw_buckets`",
        timing,
    )]
}
