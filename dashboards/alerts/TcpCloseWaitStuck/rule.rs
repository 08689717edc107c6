//! A process keeps connections that their peers closed long ago.

use catalogue::labels::{Role, SocketState, Stage};
use catalogue::metrics::pressure::{CLOSE_WAIT, RECEIVE_QUEUE};

use crate::alert::{Alert, Severity};
use crate::rules::promql::{aged, and, eq, indent, named, ne, series, sum, unless_expected};
use crate::rules::shared::{stuck_terms, unaccepted};
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::{FOR_SHORT, KEEP_AGED, RATE, STUCK_AGE, Timing};

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

/// A pool whose server closes idle connections has as many in stage `unread` as it keeps, and only
/// their FIN waits there. So of a client those count that have seen the end, and all of them where
/// data waits too: then somebody should have read it. A pool that grows is TcpCloseWaitGrowing.
fn expr(timing: &Timing) -> String {
    let count = timing.limit("count", STUCK_CONNECTIONS);
    let client = Role::Client.as_str();
    let stages = |role: String, stage: String| {
        sum(&["stage"], &series(&CLOSE_WAIT, &[role, stage, named("process")]))
    };
    let unaccepted = unaccepted();
    let [read, held] = [eq("stage", Stage::Read.as_str()), ne("stage", Stage::Unaccepted.as_str())];
    let old = |level: &str, but: &str| {
        let old = aged(level, SocketState::CloseWait, Some(but), count, STUCK_AGE, timing);
        format!("(\n{}\n)", indent(&old))
    };
    let level = |of: &str| format!("{of} >= {count}");
    let others = old(&level(&stages(ne("role", client), held.clone())), &unaccepted);
    let seen = old(
        &level(&stages(eq("role", client), read)),
        &stages(eq("role", client), ne("stage", Stage::Read.as_str())),
    );
    let waits = series(&RECEIVE_QUEUE, &[eq("role", client)]);
    let waits = format!("min_over_time({waits}[{}]) >= {count}", timing.span(RATE));
    let data = old(&and(&level(&stages(eq("role", client), held)), &[], &waits), &unaccepted);
    unless_expected(&format!("{others}\nor\n{seen}\nor\n{data}"))
}
