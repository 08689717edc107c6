//! A process keeps connections that their peers closed long ago.

use catalogue::labels::SocketState;

use crate::alert::{Alert, Severity};
use crate::rules::promql::{aged, sum};
use crate::rules::shared::{held, stuck_terms, unaccepted};
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::{FOR_SHORT, KEEP_AGED, STUCK_AGE, Timing};

/// The alert TcpCloseWaitStuck.
pub const ALERT: Alert = Alert {
    name: "TcpCloseWaitStuck",
    group: "tcpwarden-leaks",
    rank: 110,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP_AGED,
    summary: "A process keeps connections that their peers closed long ago.",
    description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} holds {{ $value }} \
        connections in CLOSE_WAIT, at least [[count]] of them for more than [[age]]: the peer \
        closed, the process did not.",
    terms: stuck_terms,
    board: "tcpwarden-leaks",
    panel: 22,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["stage"], &held()));
    aged(&level, SocketState::CloseWait, Some(&unaccepted()), STUCK_CONNECTIONS, STUCK_AGE, timing)
}
