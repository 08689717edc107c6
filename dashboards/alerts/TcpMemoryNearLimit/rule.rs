//! The memory for TCP buffers is nearly used up; the kernel already shrinks windows.

use catalogue::metrics::pressure::TCP_MEMORY;

use crate::alert::{Alert, Severity, Term, percent, term};
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

fn expr(_timing: &Timing) -> String {
    let kind = |kind| sum(&["kind"], &series(&TCP_MEMORY, &[eq("kind", kind)]));
    format!("{}\n/ {} >= {USED_RATIO_WARNING}", kind("used"), kind("limit"))
}

fn terms(_timing: &Timing) -> Vec<Term> {
    vec![term(
        "warning",
        percent(USED_RATIO_WARNING),
        "share of the limit, the third number of `net.ipv4.tcp_mem`",
    )]
}
