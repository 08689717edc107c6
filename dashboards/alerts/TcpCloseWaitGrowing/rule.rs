//! A process leaks connections: the number that it never closes keeps growing.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::SocketState;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{aged, and, indent, sum, unless_expected};
use crate::rules::shared::{held, unaccepted};
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::{FOR_SHORT, GROWTH, KEEP_AGED, RATE, STUCK_AGE, Timing};

/// By how many the lowest count of stuck sockets must have grown in ten minutes: one every two
/// minutes.
pub const LEAK_GROWTH: f64 = 5.0;

/// By how many it must have grown in each half of that time: a jump lies in one half, a leak goes
/// on.
pub const LEAK_GROWTH_HALF: f64 = 2.0;

/// The alert TcpCloseWaitGrowing.
pub const ALERT: Alert = Alert {
    name: "TcpCloseWaitGrowing",
    group: "tcpwarden-leaks",
    rank: 120,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP_AGED,
    summary: "A process leaks connections: the number that it never closes keeps growing.",
    description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} holds {{ $value }} more \
        connections in CLOSE_WAIT than [[growth_window]] ago, and goes on. At this pace it ends \
        at its descriptor limit.",
    terms,
    board: "tcpwarden-leaks",
    panel: 24,
    runbook: include_str!("runbook.md"),
};

/// The lowest count of a window against that of an earlier one: what comes and goes is in neither.
/// And against one between the two: a jump that stays is in one half only.
fn expr(timing: &Timing) -> String {
    let growth_limit = timing.limit("growth", LEAK_GROWTH);
    let half_limit = timing.limit("half", LEAK_GROWTH_HALF);
    let count_limit = timing.limit("count", STUCK_CONNECTIONS);
    let window = timing.span(RATE);
    let [half, ago] = [GROWTH / 2, GROWTH].map(|time| format!(" offset {}", timing.span(time)));
    let lowest = |offset: &str| format!("min_over_time({}[{window}]{offset})", held());
    let grown = |to: &str, from: &str, by: f64| {
        let difference = format!("{}\n- {}", lowest(to), lowest(from));
        format!("sum without (stage) (\n{}\n) >= {by}", indent(&difference))
    };
    let halves = and(&grown("", &half, half_limit), &[], &grown(&half, &ago, half_limit));
    let growth = and(&grown("", &ago, growth_limit), &[], &halves);
    let level = format!("{} >= {count_limit}", sum(&["stage"], &held()));
    unless_expected(&aged(
        &and(&growth, &[], &level),
        SocketState::CloseWait,
        Some(&unaccepted()),
        growth_limit,
        STUCK_AGE,
        timing,
    ))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit("growth", LEAK_GROWTH, Unit::Count, "growth of the lowest count", timing),
        limit("half", LEAK_GROWTH_HALF, Unit::Count, "the same in each half of that time", timing),
        term("growth_window", timing.span(GROWTH), "against the lowest count so long ago"),
        limit(
            "count",
            STUCK_CONNECTIONS,
            Unit::Count,
            "sockets in CLOSE_WAIT that the process holds",
            timing,
        ),
        term("age", timing.span(STUCK_AGE), "time in the state of as many as they have grown by"),
    ]
}
