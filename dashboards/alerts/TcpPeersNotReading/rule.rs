//! The peers of a process do not read what it sends.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::pressure::ZERO_WINDOW;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{named, series};
use crate::rules::shared::connections;
use crate::timing::{FOR_SHORT, KEEP, RATE, Timing};

/// Connections of a process whose peers have closed their windows.
pub const ZERO_WINDOW_CONNECTIONS: f64 = 3.0;

/// Share of a process' connections whose peers have closed their windows: a paused download is
/// normal, many are not.
pub const ZERO_WINDOW_RATIO: f64 = 0.1;

/// The alert TcpPeersNotReading.
pub const ALERT: Alert = Alert {
    name: "TcpPeersNotReading",
    group: "tcpwarden-queues",
    rank: 620,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "The peers of a process do not read what it sends.",
    description: "{{ $value }} connections of {{ $labels.process }} ({{ $labels.workload }}, \
        {{ $labels.role }}) on \
        {{ $labels.instance }} could not send for [[window]], at least [[count]] and [[ratio]] of \
        its connections: their peers' windows \
        are closed.",
    terms,
    board: "tcpwarden-network",
    panel: 51,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let count_limit = timing.limit("count", ZERO_WINDOW_CONNECTIONS);
    let ratio_limit = timing.limit("ratio", ZERO_WINDOW_RATIO);
    let closed = format!(
        "min_over_time({}[{}])",
        series(&ZERO_WINDOW, &[named("process")]),
        timing.span(RATE)
    );
    format!("{closed} >= {count_limit}\nand\n{closed}\n/ {} >= {ratio_limit}", connections())
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "count",
            ZERO_WINDOW_CONNECTIONS,
            Unit::Count,
            "connections of one process with a closed window, the lowest of the window",
            timing,
        ),
        limit("ratio", ZERO_WINDOW_RATIO, Unit::Share, "share of its connections", timing),
        term("window", timing.span(RATE), "the window"),
    ]
}
