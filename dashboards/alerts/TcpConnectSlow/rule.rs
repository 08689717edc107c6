//! Connects of a client succeed, but slowly.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::lifecycle::CONNECT_DURATION;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, max, most, observed, up_to};
use crate::rules::shared::one_service;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// Connects a second towards one port that were slow.
pub const CONNECT_SLOW_RATE: f64 = 0.1;

/// The time from which a connect is slow: longer than any way around the world, shorter than the
/// first SYN retransmit, after one second. A bound of the histogram that is the same text in every
/// version of Prometheus.
pub const CONNECT_SLOW_SECONDS: f64 = 0.5;

/// Share of connects that are slow.
pub const CONNECT_SLOW_RATIO: f64 = 0.1;

/// The alert TcpConnectSlow.
pub const ALERT: Alert = Alert {
    name: "TcpConnectSlow",
    group: "tcpwarden-connects",
    rank: 420,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "Connects of a client succeed, but slowly.",
    description: "{{ $value | humanizePercentage }} of the connects of {{ $labels.process }} \
        ({{ $labels.workload }}) on \
        {{ $labels.instance }} to one service take longer than [[seconds]][[port]]; the limit is \
        [[ratio]] of them and [[rate]].",
    terms,
    board: "tcpwarden-services",
    panel: 22,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let ratio_limit = timing.limit("ratio", CONNECT_SLOW_RATIO);
    let rate_limit = timing.limit("rate", CONNECT_SLOW_RATE);
    let all = observed(&CONNECT_DURATION, &one_service(), timing);
    let late = format!(
        "({all} - {})",
        up_to(&CONNECT_DURATION, CONNECT_SLOW_SECONDS, &one_service(), timing)
    );
    max(&["port"], &format!("{late}\n/ {all} >= {ratio_limit}\nand\n{late} >= {rate_limit}"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let owner = [OWNER.to_owned()];
    let late = format!(
        "{} - {}",
        observed(&CONNECT_DURATION, &owner, timing),
        up_to(&CONNECT_DURATION, CONNECT_SLOW_SECONDS, &owner, timing)
    );
    vec![
        term("port", most("port", &late, ", most towards port"), ""),
        term(
            "seconds",
            format!("{CONNECT_SLOW_SECONDS} s"),
            "time from the first SYN to ESTABLISHED from which a connect is slow",
        ),
        limit(
            "ratio",
            CONNECT_SLOW_RATIO,
            Unit::Share,
            "share of the connects of one process to one port that are slow",
            timing,
        ),
        limit("rate", CONNECT_SLOW_RATE, Unit::Rate, "slow connects", timing),
    ]
}
