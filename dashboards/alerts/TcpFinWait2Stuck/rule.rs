//! A process keeps half-closed connections that their peers never close.

use catalogue::labels::SocketState;
use catalogue::metrics::connections::CONNECTIONS;

use crate::alert::{Alert, Severity};
use crate::rules::promql::{aged, eq, named, series, sum, unless_expected};
use crate::rules::shared::stuck_terms;
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::{FOR_SHORT, KEEP_AGED, STUCK_AGE, Timing};

/// The alert TcpFinWait2Stuck.
pub const ALERT: Alert = Alert {
    name: "TcpFinWait2Stuck",
    group: "tcpwarden-leaks",
    rank: 140,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP_AGED,
    summary: "A process keeps half-closed connections that their peers never close.",
    description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} holds {{ $value }} \
        connections in FIN_WAIT2 with an open descriptor, at least [[count]] of them for more \
        than [[age]]: it shut down its side, the \
        peer did not.",
    terms: stuck_terms,
    board: "tcpwarden-leaks",
    panel: 22,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let count = timing.limit("count", STUCK_CONNECTIONS);
    let held =
        series(&CONNECTIONS, &[eq("state", SocketState::FinWait2.as_str()), named("process")]);
    let level = format!("{} >= {count}", sum(&["state"], &held));
    unless_expected(&aged(&level, SocketState::FinWait2, None, count, STUCK_AGE, timing))
}
