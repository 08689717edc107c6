//! A process does not read what it receives.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::pressure::RECEIVE_QUEUE;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{named, series};
use crate::rules::shared::connections;
use crate::timing::{FOR_SHORT, KEEP, RATE, Timing};

/// Unread bytes of a process that never get less: a receiver that reads has its queue empty again
/// and again.
pub const UNREAD_BYTES: f64 = 262_144.0;

/// Unread bytes for each connection: many busy ones together always have something under way. One
/// that is not read at all holds 64 KiB or more.
pub const UNREAD_BYTES_PER_CONNECTION: f64 = 16_384.0;

/// The alert TcpReceiversNotReading.
pub const ALERT: Alert = Alert {
    name: "TcpReceiversNotReading",
    group: "tcpwarden-queues",
    rank: 610,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A process does not read what it receives.",
    description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} had never less than \
        {{ $value | humanize1024 }}B unread for [[window]], at least [[bytes]] and [[each]] a \
        connection: it holds up its peers.",
    terms,
    board: "tcpwarden-network",
    panel: 53,
    runbook: include_str!("runbook.md"),
};

/// The lowest of a window: a queue that is emptied now and then is read.
fn expr(timing: &Timing) -> String {
    let bytes_limit = timing.limit("bytes", UNREAD_BYTES);
    let each_limit = timing.limit("each", UNREAD_BYTES_PER_CONNECTION);
    let unread = format!(
        "min_over_time({}[{}])",
        series(&RECEIVE_QUEUE, &[named("process")]),
        timing.span(RATE)
    );
    format!("{unread} >= {bytes_limit}\nand\n{unread}\n/ {} >= {each_limit}", connections())
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "bytes",
            UNREAD_BYTES,
            Unit::Bytes,
            "unread bytes of one process, the lowest of the window",
            timing,
        ),
        limit(
            "each",
            UNREAD_BYTES_PER_CONNECTION,
            Unit::Bytes,
            "the same for each of its connections",
            timing,
        ),
        term("window", timing.span(RATE), "the window"),
    ]
}
