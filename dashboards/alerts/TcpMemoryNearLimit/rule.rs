//! The memory for TCP buffers is nearly used up; the kernel already shrinks windows.

use catalogue::metrics::pressure::TCP_MEMORY;

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::rules::promql::{eq, series, sum};
use crate::threshold::USED_RATIO_WARNING;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// The alert TcpMemoryNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpMemoryNearLimit",
    group: "tcpwarden-limits",
    rank: 240,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "The memory for TCP buffers is nearly used up; the kernel already shrinks windows.",
    description: "TCP buffers on {{ $labels.instance }} take {{ $value | humanizePercentage }} of \
        net.ipv4.tcp_mem, at least [[warning]]: \
        windows shrink now, and at the limit the kernel drops data of every connection and resets \
        orphans.",
    terms,
    board: "tcpwarden-capacity",
    panel: 41,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let warning_limit = timing.limit("warning", USED_RATIO_WARNING);
    let kind = |kind| sum(&["kind"], &series(&TCP_MEMORY, &[eq("kind", kind)]));
    format!("{}\n/ {} >= {warning_limit}", kind("used"), kind("limit"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![limit(
        "warning",
        USED_RATIO_WARNING,
        Unit::Share,
        "share of the limit, the third number of `net.ipv4.tcp_mem`",
        timing,
    )]
}
