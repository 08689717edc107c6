//! Connections that one side has left and the other keeps.

use catalogue::labels::{SocketState, Stage};
use catalogue::metrics::connections::CONNECTIONS;
use catalogue::metrics::pressure::CLOSE_WAIT;

use super::promql::{aged, and, eq, indent, ne, not_other, series, sum};
use super::{Alert, Severity, Term, term};
use crate::threshold::{LEAK_GROWTH, LEAK_GROWTH_HALF, STUCK_CONNECTIONS, UNACCEPTED_CONNECTIONS};
use crate::timing::{FOR_SHORT, GROWTH, HUNG_AGE, KEEP_AGED, RATE, STUCK_AGE, Timing};

const GROUP: &str = "tcpwarden-leaks";
const BOARD: &str = "tcpwarden-leaks";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpCloseWaitStuck",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_stuck,
        hold: FOR_SHORT,
        keep: KEEP_AGED,
        summary: "A process keeps connections that their peers closed long ago.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} \
            connections in CLOSE_WAIT, at least [[count]] of them for more than [[age]]: the peer closed, the process did not.",
        terms: stuck_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpCloseWaitGrowing",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_growing,
        hold: FOR_SHORT,
        keep: KEEP_AGED,
        summary: "A process leaks connections: those that it never closes become more and more.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} more \
            connections in CLOSE_WAIT than [[growth_window]] ago, and goes on. At this pace it ends at its descriptor limit.",
        terms: growing_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpCloseWaitUnaccepted",
        group: GROUP,
        severity: Severity::Warning,
        expr: close_wait_unaccepted,
        hold: FOR_SHORT,
        keep: KEEP_AGED,
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
        keep: KEEP_AGED,
        summary: "A process keeps half-closed connections that their peers never close.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} holds {{ $value }} \
            connections in FIN_WAIT2 with an open descriptor, at least [[count]] of them for more than [[age]]: it shut down its side, the \
            peer did not.",
        terms: stuck_terms,
        board: BOARD,
    },
];

/// Sockets in CLOSE_WAIT that the process holds, accepted or its own; the others are the business
/// of the listener. Nor what many processes hold together under `~other`: a few each are no leak.
fn held() -> String {
    series(&CLOSE_WAIT, &[ne("stage", Stage::Unaccepted.as_str()), not_other("process")])
}

/// Those that no process holds.
fn unaccepted() -> String {
    sum(
        &["stage"],
        &series(&CLOSE_WAIT, &[eq("stage", Stage::Unaccepted.as_str()), not_other("process")]),
    )
}

fn close_wait_stuck(timing: &Timing) -> String {
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["stage"], &held()));
    aged(&level, SocketState::CloseWait, Some(&unaccepted()), STUCK_CONNECTIONS, STUCK_AGE, timing)
}

/// The lowest count of a window against that of an earlier one: what comes and goes is in neither.
/// And against one between the two: a jump that stays is in one half only.
fn close_wait_growing(timing: &Timing) -> String {
    let window = timing.span(RATE);
    let [half, ago] = [GROWTH / 2, GROWTH].map(|time| format!(" offset {}", timing.span(time)));
    let lowest = |offset: &str| format!("min_over_time({}[{window}]{offset})", held());
    let grown = |to: &str, from: &str, by: f64| {
        let difference = format!("{}\n- {}", lowest(to), lowest(from));
        format!("sum without (stage) (\n{}\n) >= {by}", indent(&difference))
    };
    let halves =
        and(&grown("", &half, LEAK_GROWTH_HALF), &[], &grown(&half, &ago, LEAK_GROWTH_HALF));
    let growth = and(&grown("", &ago, LEAK_GROWTH), &[], &halves);
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["stage"], &held()));
    aged(
        &and(&growth, &[], &level),
        SocketState::CloseWait,
        Some(&unaccepted()),
        LEAK_GROWTH,
        STUCK_AGE,
        timing,
    )
}

fn close_wait_unaccepted(timing: &Timing) -> String {
    let level = format!("{} >= {UNACCEPTED_CONNECTIONS}", unaccepted());
    aged(&level, SocketState::CloseWait, None, UNACCEPTED_CONNECTIONS, HUNG_AGE, timing)
}

fn fin_wait2_stuck(timing: &Timing) -> String {
    let held =
        series(&CONNECTIONS, &[eq("state", SocketState::FinWait2.as_str()), not_other("process")]);
    let level = format!("{} >= {STUCK_CONNECTIONS}", sum(&["state"], &held));
    aged(&level, SocketState::FinWait2, None, STUCK_CONNECTIONS, STUCK_AGE, timing)
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
        term("half", LEAK_GROWTH_HALF.to_string(), "the same in each half of that time"),
        term("growth_window", timing.span(GROWTH), "against the lowest count so long ago"),
        term(
            "count",
            STUCK_CONNECTIONS.to_string(),
            "sockets in CLOSE_WAIT that the process holds",
        ),
        term("age", timing.span(STUCK_AGE), "time in the state of as many as they have grown by"),
    ]
}

fn unaccepted_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term(
            "count",
            UNACCEPTED_CONNECTIONS.to_string(),
            "sockets of one process that are that old",
        ),
        term("age", timing.span(HUNG_AGE), "time in the state"),
    ]
}
