//! Connects fail because no local port is left.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::ConnectFailure;
use catalogue::metrics::lifecycle::CONNECT_FAILURES;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, eq, most, not_other, rate, sum};
use crate::rules::shared::SHORT_LIVED;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Connects a second that fail because no local port is left: any sustained rate is an outage of
/// the client.
pub const NO_LOCAL_PORT_RATE: f64 = 0.1;

/// The alert TcpEphemeralPortsExhausted.
pub const ALERT: Alert = Alert {
    name: "TcpEphemeralPortsExhausted",
    group: "tcpwarden-limits",
    rank: 230,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Connects fail because no local port is left.",
    description: "{{ printf `%.2f` $value }} connects a second of {{ $labels.process }} \
        ({{ $labels.workload }}) on {{ $labels.instance }} \
        fail with EADDRNOTAVAIL, at least [[rate]]: every local port towards the destination is \
        taken[[port]][[young]].",
    terms,
    board: "tcpwarden-capacity",
    panel: 23,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", NO_LOCAL_PORT_RATE);
    let failures = rate(
        &CONNECT_FAILURES,
        &[eq("reason", ConnectFailure::NoLocalPort.as_str()), not_other("process")],
        timing,
    );
    format!("{} >= {rate_limit}", sum(&["port", "destination", "reason"], &failures))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let failures = rate(
        &CONNECT_FAILURES,
        &[eq("reason", ConnectFailure::NoLocalPort.as_str()), OWNER.to_owned()],
        timing,
    );
    vec![
        term("port", most("port", &failures, ", most of them connects to port"), ""),
        term("young", SHORT_LIVED.to_owned(), ""),
        limit("rate", NO_LOCAL_PORT_RATE, Unit::Rate, "failed connects of one process", timing),
    ]
}
