//! Connections that one side has left and the other keeps.

use tcpwarden::conn::labels::{SocketState, Stage};
use tcpwarden::metrics::catalogue::connections::CONNECTIONS;
use tcpwarden::metrics::catalogue::pressure::CLOSE_WAIT;

use super::promql::{aged, and, eq, indent, ne, series, sum};
use super::{Alert, Severity, Term, term};
use crate::threshold::{LEAK_GROWTH, STUCK_CONNECTIONS, UNACCEPTED_CONNECTIONS};
use crate::timing::{FOR_SHORT, GROWTH, HUNG_AGE, KEEP, RATE, STUCK_AGE, Timing};

const GROUP: &str = "tcpwarden-leaks";
const BOARD: &str = "tcpwarden-leaks";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpCloseWaitStuck",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_stuck,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A process keeps connections that their peers closed long ago.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} \
            accepted connections in CLOSE_WAIT, at least [[count]] of them for more than [[age]]: the peer closed, the process did not.",
        terms: stuck_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpCloseWaitGrowing",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_growing,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A process leaks connections: those that it never closes become more and more.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} more \
            connections in CLOSE_WAIT than [[growth_window]] ago. At this pace it ends at its descriptor limit.",
        terms: growing_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpCloseWaitUnaccepted",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_unaccepted,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A server does not accept connections: clients come and give up.",
        description: "{{ $value }} connections to {{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} were closed by their \
            clients before the process accepted them, at least [[count]] of them more than [[age]] ago: it hangs.",
        terms: unaccepted_terms,
        board: "tcpwarden-services",
    },
    Alert {
        name: "TcpFinWait2Stuck",
        group: GROUP,
        severity: Severity::Warning,
        expr: fin_wait2_stuck,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A process keeps half-closed connections that their peers never close.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} \
            connections in FIN_WAIT2 with an open descriptor, at least [[count]] of them for more than [[age]]: it shut down its side, the \
            peer did not.",
        terms: stuck_terms,
        board: BOARD,
    },
];

/// Sockets in CLOSE_WAIT that the process has accepted; the others are the business of the listener.
fn accepted() -> String {
    series(&CLOSE_WAIT, &[ne("stage", Stage::Unaccepted.as_str())])
}

fn close_wait_stuck(timing: &Timing) -> String {
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["stage"], &accepted()));
    aged(&level, SocketState::CloseWait, STUCK_CONNECTIONS, STUCK_AGE, timing)
}

/// The lowest count of a window against that of an earlier one: what comes and goes is in neither.
fn close_wait_growing(timing: &Timing) -> String {
    let (window, ago) = (timing.span(RATE), timing.span(GROWTH));
    let lowest = |offset: &str| format!("min_over_time({}[{window}]{offset})", accepted());
    let difference = format!("{}\n- {}", lowest(""), lowest(&format!(" offset {ago}")));
    let growth = format!("sum without (stage) (\n{}\n) >= {LEAK_GROWTH}", indent(&difference));
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["stage"], &accepted()));
    aged(&and(&growth, &[], &level), SocketState::CloseWait, LEAK_GROWTH, STUCK_AGE, timing)
}

fn close_wait_unaccepted(timing: &Timing) -> String {
    let unaccepted = series(&CLOSE_WAIT, &[eq("stage", Stage::Unaccepted.as_str())]);
    let level = format!("{} >= {UNACCEPTED_CONNECTIONS}", sum(&["stage"], &unaccepted));
    aged(&level, SocketState::CloseWait, UNACCEPTED_CONNECTIONS, HUNG_AGE, timing)
}

fn fin_wait2_stuck(timing: &Timing) -> String {
    let held = series(&CONNECTIONS, &[eq("state", SocketState::FinWait2.as_str())]);
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["state"], &held));
    aged(&level, SocketState::FinWait2, STUCK_CONNECTIONS, STUCK_AGE, timing)
}

fn stuck_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term("count", STUCK_CONNECTIONS.to_string(), "sockets of one process that are that old"),
        term("age", timing.span(STUCK_AGE), "time in the state"),
    ]
}

fn growing_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term("growth", LEAK_GROWTH.to_string(), "growth of the lowest count"),
        term("growth_window", timing.span(GROWTH), "against the lowest count so long ago"),
        term("count", STUCK_CONNECTIONS.to_string(), "accepted sockets in CLOSE_WAIT"),
        term("age", timing.span(STUCK_AGE), "time in the state of as many as they have grown by"),
    ]
}

fn unaccepted_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term("count", UNACCEPTED_CONNECTIONS.to_string(), "sockets of one process that are that old"),
        term("age", timing.span(HUNG_AGE), "time in the state"),
    ]
}
