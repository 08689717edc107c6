//! A process with TCP sockets is about to run out of descriptors.

use catalogue::metrics::pressure::{MAX_FDS, OPEN_FDS};

use crate::alert::{Alert, Severity};
use crate::rules::promql::series;
use crate::rules::shared::{near_terms, now_or_soon};
use crate::timing::{FOR_SHORT, KEEP, TREND, Timing};

/// The alert TcpDescriptorsNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpDescriptorsNearLimit",
    group: "tcpwarden-limits",
    rank: 210,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A process with TCP sockets is about to run out of descriptors.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has \
        {{ $value | humanizePercentage }} of its \
        descriptors open: at least [[critical]], or [[warning]] and at the limit within \
        [[horizon]]. Then accept, connect and open fail \
        with EMFILE.",
    terms: near_terms,
    board: "tcpwarden-capacity",
    panel: 31,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let (open, limit) = (series(&OPEN_FDS, &[]), series(&MAX_FDS, &[]));
    let ratio = format!("{open} / {limit}");
    // The share, not the count: the next process to be the nearest has another limit.
    let history = format!("({ratio})[{}:{}s]", timing.span(TREND), timing.interval.as_secs());
    now_or_soon(&ratio, &history, timing)
}
