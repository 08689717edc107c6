//! Most connections of a service end with a reset before either side has closed.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::CloseReason;
use catalogue::metrics::lifecycle::CONNECTIONS_CLOSED;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, among, max, most, named, not_other, rate, sum};
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Connections a second that a reset ended before any FIN.
pub const RESET_RATE: f64 = 5.0;

/// Share of a service's connections that a reset ended so: some clients and health checks always
/// close so.
pub const RESET_RATIO: f64 = 0.5;

/// The ends that are resets before any FIN; one that comes after it ends an exchange that was
/// complete.
const RESETS: [&str; 2] = [CloseReason::RstReceived.as_str(), CloseReason::RstSent.as_str()];

/// The alert TcpResetStorm.
pub const ALERT: Alert = Alert {
    name: "TcpResetStorm",
    group: "tcpwarden-network",
    rank: 520,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Most connections of a service end with a reset before either side has closed.",
    description: "{{ printf `%.2f` $value }} connections a second of {{ $labels.process }} \
        ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} end with a reset before any FIN[[port]], at least [[rate]] and \
        [[ratio]] of those at one port: data in flight is lost.",
    terms,
    board: "tcpwarden-network",
    panel: 32,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", RESET_RATE);
    let ratio_limit = timing.limit("ratio", RESET_RATIO);
    let service = [named("process"), not_other("port")];
    let reset = among("reason", &RESETS);
    let all = sum(&["reason"], &rate(&CONNECTIONS_CLOSED, &service, timing));
    let reset =
        sum(&["reason"], &rate(&CONNECTIONS_CLOSED, &[&[reset], &service[..]].concat(), timing));
    max(&["port"], &format!("{reset} >= {rate_limit}\nand\n{reset}\n/ {all} >= {ratio_limit}"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let matchers = [among("reason", &RESETS), OWNER.to_owned()];
    vec![
        term(
            "port",
            most("port", &rate(&CONNECTIONS_CLOSED, &matchers, timing), ", most at port"),
            "",
        ),
        limit(
            "rate",
            RESET_RATE,
            Unit::Rate,
            "connections of one process at one port that a reset ended before any FIN",
            timing,
        ),
        limit(
            "ratio",
            RESET_RATIO,
            Unit::Share,
            "share of its connections at that port that a reset ended so",
            timing,
        ),
    ]
}
