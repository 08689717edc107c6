//! Clients wait for a server that does not accept them, or only after a long time.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::pressure::{LISTEN_UNACCEPTED, LISTEN_UNACCEPTED_AGE};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, max, most, series};
use crate::rules::shared::one_service;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Connections that wait, of one process on one port: a health check that nobody accepts is alone.
pub const WAITING_CONNECTIONS: f64 = 5.0;

/// How long the oldest of them has waited: many clients have given up by then. In seconds.
pub const WAITING_SECONDS: f64 = 30.0;

/// The alert TcpUnaccepted.
pub const ALERT: Alert = Alert {
    name: "TcpUnaccepted",
    group: "tcpwarden-listeners",
    rank: 330,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Clients wait for a server that does not accept them.",
    description: "{{ $value }} connections to {{ $labels.process }} ({{ $labels.workload }}) on \
        {{ $labels.instance }} are established and not accepted[[port]], the oldest for more than \
        [[age]] s: the process hangs, or one of its workers does.",
    terms,
    board: "tcpwarden-leaks",
    panel: 55,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let count_limit = timing.limit("count", WAITING_CONNECTIONS);
    let age_limit = timing.limit("age", WAITING_SECONDS);
    let [waiting, age] =
        [&LISTEN_UNACCEPTED, &LISTEN_UNACCEPTED_AGE].map(|metric| series(metric, &one_service()));
    max(&["port"], &format!("{waiting} >= {count_limit}\nand\n{age} >= {age_limit}"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let port = most("port", &series(&LISTEN_UNACCEPTED, &[OWNER.to_owned()]), ", most on port");
    vec![
        term("port", port, ""),
        limit(
            "count",
            WAITING_CONNECTIONS,
            Unit::Count,
            "connections that wait, on one port",
            timing,
        ),
        limit("age", WAITING_SECONDS, Unit::Seconds, "seconds that the oldest has waited", timing),
    ]
}
