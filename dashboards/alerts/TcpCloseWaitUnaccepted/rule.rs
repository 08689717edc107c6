//! A server does not accept connections: clients come and give up.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::SocketState;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::aged;
use crate::rules::shared::unaccepted;
use crate::timing::{FOR_SHORT, HUNG_AGE, KEEP_AGED, Timing};

/// Connections that came and went in the accept queue: health checks alone bring so many to a
/// server that hangs.
pub const UNACCEPTED_CONNECTIONS: f64 = 5.0;

/// The alert TcpCloseWaitUnaccepted.
pub const ALERT: Alert = Alert {
    name: "TcpCloseWaitUnaccepted",
    group: "tcpwarden-leaks",
    rank: 130,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP_AGED,
    summary: "A server does not accept connections: clients come and give up.",
    description: "{{ $value }} connections to {{ $labels.process }} ({{ $labels.workload }}) on \
        {{ $labels.instance }} were closed by their \
        clients before the process accepted them, at least [[count]] of them more than [[age]] \
        ago: it hangs.",
    terms,
    board: "tcpwarden-services",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let count_limit = timing.limit("count", UNACCEPTED_CONNECTIONS);
    let level = format!("{} >= {count_limit}", unaccepted());
    aged(&level, SocketState::CloseWait, None, count_limit, HUNG_AGE, timing)
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "count",
            UNACCEPTED_CONNECTIONS,
            Unit::Count,
            "sockets of one process that are that old",
            timing,
        ),
        term("age", timing.span(HUNG_AGE), "time in the state"),
    ]
}
