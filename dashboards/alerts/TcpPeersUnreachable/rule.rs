//! Peers of a process answer nothing any more: what was sent to them is not acknowledged.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::{Role, SocketState};
use catalogue::metrics::connections::{CONNECTIONS, CONNECTIONS_STUCK};
use catalogue::metrics::lifecycle::CONNECTIONS_CLOSED;
use catalogue::metrics::pressure::UNACKNOWLEDGED;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{among, eq, indent, named, ne, series, sum, unless_expected};
use crate::timing::{FOR_SHORT, HUNG_AGE, KEEP, RATE, Timing};

/// Connections of one process whose peers do not acknowledge: fewer are a phone in a tunnel.
pub const UNACKNOWLEDGED_CONNECTIONS: f64 = 5.0;

/// Share of a server's connections from which they count: some of its clients always vanish.
pub const UNACKNOWLEDGED_RATIO: f64 = 0.1;

/// Closed connections whose end the peers do not acknowledge, of one process.
pub const UNACKNOWLEDGED_ENDS: f64 = 10.0;

/// So many times as many as these must have ended in the window for them to be the usual loss.
pub const CLOSED_ENDS: f64 = 10.0;

/// The alert TcpPeersUnreachable.
pub const ALERT: Alert = Alert {
    name: "TcpPeersUnreachable",
    group: "tcpwarden-peers",
    rank: 630,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Peers of a process answer nothing any more.",
    description: "{{ $value }} connections of {{ $labels.process }} ({{ $labels.workload }}, \
        {{ $labels.role }}) on {{ $labels.instance }} have sent what their peers do not \
        acknowledge: the peers, or the path to them, are gone.",
    terms,
    board: "tcpwarden-leaks",
    panel: 53,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let count_limit = timing.limit("count", UNACKNOWLEDGED_CONNECTIONS);
    let ratio_limit = timing.limit("ratio", UNACKNOWLEDGED_RATIO);
    let ends_limit = timing.limit("ends", UNACKNOWLEDGED_ENDS);
    let closed_limit = timing.limit("closed", CLOSED_ENDS);
    let waiting = |role| series(&UNACKNOWLEDGED, &[role, named("process")]);
    let client = Role::Client.as_str();
    let (clients, others) = (waiting(eq("role", client)), waiting(ne("role", client)));
    let open = [SocketState::Established, SocketState::CloseWait].map(SocketState::as_str);
    let open = sum(&["state"], &series(&CONNECTIONS, &[among("state", &open)]));
    let vanished = indent(&format!(
        "{others} >= {count_limit}\nand\n{others}\n/ {open} >= \
         {ratio_limit}"
    ));
    let ends = indent(&format!(
        "{ends} >= {ends_limit}\nunless\n{closed}\n/ {ends} >= {closed_limit}",
        ends = ends(),
        closed = closed(timing)
    ));
    unless_expected(&format!("{clients} >= {count_limit}\nor (\n{vanished}\n)\nor (\n{ends}\n)"))
}

/// Connections that were closed here, and whose FIN nobody has acknowledged for a minute.
fn ends() -> String {
    let states = [SocketState::FinWait1, SocketState::LastAck].map(SocketState::as_str);
    let age = eq("min_age", &HUNG_AGE.as_secs().to_string());
    let stuck = series(&CONNECTIONS_STUCK, &[among("state", &states), age, named("process")]);
    sum(&["state", "min_age"], &stuck)
}

/// Connections that ended in the window.
fn closed(timing: &Timing) -> String {
    let window = timing.span(RATE);
    let closed = series(&CONNECTIONS_CLOSED, &[named("process")]);
    sum(&["port", "reason"], &format!("increase({closed}[{window}])"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "count",
            UNACKNOWLEDGED_CONNECTIONS,
            Unit::Count,
            "connections of one process whose peers do not acknowledge",
            timing,
        ),
        limit(
            "ratio",
            UNACKNOWLEDGED_RATIO,
            Unit::Share,
            "their share of the connections of a server, whose clients come and vanish",
            timing,
        ),
        limit(
            "ends",
            UNACKNOWLEDGED_ENDS,
            Unit::Count,
            "closed connections whose FIN nobody has acknowledged for a minute",
            timing,
        ),
        limit(
            "closed",
            CLOSED_ENDS,
            Unit::Count,
            "times as many that ended properly: all is well",
            timing,
        ),
        term("window", timing.span(RATE), "time in which these are counted"),
    ]
}
