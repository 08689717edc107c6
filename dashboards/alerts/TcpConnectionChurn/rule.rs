//! A client opens a connection for every request instead of keeping some.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::Role;
use catalogue::metrics::lifecycle::{CONNECTION_DURATION, CONNECTIONS_OPENED};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, eq, max, most, not_other, observed, rate, up_to};
use crate::rules::shared::SHORT_LIVED;
use crate::timing::{FOR_LONG, KEEP, Timing};

/// Connections a second from one process to one port: below, a handshake for each request costs
/// little.
pub const CHURN_RATE: f64 = 10.0;

/// The life below which a connection served one request. A bound of the histogram, as above.
pub const CHURN_SECONDS: f64 = 0.5;

/// Share of connections that lived no longer.
pub const CHURN_RATIO: f64 = 0.9;

/// The alert TcpConnectionChurn.
pub const ALERT: Alert = Alert {
    name: "TcpConnectionChurn",
    group: "tcpwarden-connects",
    rank: 440,
    severity: Severity::Info,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "A client opens a connection for every request instead of keeping some.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} opens \
        {{ printf `%.2f` $value }} connections a \
        second to one service[[port]], at least [[rate]], and at least [[ratio]] of them live no \
        longer than [[seconds]]: no pool, or one \
        that is not used[[young]].",
    terms,
    board: "tcpwarden-services",
    panel: 31,
    runbook: include_str!("runbook.md"),
};

/// What names open that are too young for series counts too: a storm of programs that open one
/// connection each is churn.
fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", CHURN_RATE);
    let ratio_limit = timing.limit("ratio", CHURN_RATIO);
    let client: Vec<String> =
        vec![eq("role", Role::Client.as_str()), not_other("process"), not_other("port")];
    let opened = rate(&CONNECTIONS_OPENED, &client, timing);
    let short = up_to(&CONNECTION_DURATION, CHURN_SECONDS, &client, timing);
    let all = observed(&CONNECTION_DURATION, &client, timing);
    max(
        &["port", "role"],
        &format!("{opened} >= {rate_limit}\nand\n{short}\n/ {all} >= {ratio_limit}"),
    )
}

fn terms(timing: &Timing) -> Vec<Term> {
    let client = [eq("role", Role::Client.as_str()), OWNER.to_owned()];
    vec![
        term(
            "port",
            most("port", &rate(&CONNECTIONS_OPENED, &client, timing), ", most towards port"),
            "",
        ),
        limit(
            "rate",
            CHURN_RATE,
            Unit::Rate,
            "connections that one process opens to one port",
            timing,
        ),
        limit(
            "ratio",
            CHURN_RATIO,
            Unit::Share,
            "share of its connections to that port that are short",
            timing,
        ),
        term("seconds", format!("{CHURN_SECONDS} s"), "life up to which a connection is short"),
        term("young", SHORT_LIVED.to_owned(), ""),
    ]
}
