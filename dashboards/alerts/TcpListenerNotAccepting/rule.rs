//! Nobody accepts on a listener: what came to it waits, and nothing else was accepted since.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::Role;
use catalogue::metrics::lifecycle::CONNECTIONS_OPENED;
use catalogue::metrics::pressure::{LISTEN_UNACCEPTED, LISTEN_UNACCEPTED_AGE};

use crate::alert::{Alert, Severity, Term, term};
use crate::rules::promql::{OWNER, eq, max, most, series, sum};
use crate::rules::shared::one_service;
use crate::timing::{FOR_LONG, KEEP, RATE, Timing};

/// How long the oldest connection has waited, in seconds.
pub const FORGOTTEN_SECONDS: f64 = 60.0;

/// The alert TcpListenerNotAccepting.
pub const ALERT: Alert = Alert {
    name: "TcpListenerNotAccepting",
    group: "tcpwarden-listeners",
    rank: 340,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "Nobody accepts connections on a listener.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has \
        accepted no connection on a listener[[port]] for [[window]], although {{ $value }} wait \
        there, the oldest for more than [[age]] s: nothing calls accept.",
    terms,
    board: "tcpwarden-services",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

/// What was accepted is what was opened less what waits more than before. The counter of what was
/// opened may be there a little later than the listener; then it has counted nothing.
fn expr(timing: &Timing) -> String {
    let window = timing.span(RATE);
    let [waiting, age] =
        [&LISTEN_UNACCEPTED, &LISTEN_UNACCEPTED_AGE].map(|metric| series(metric, &one_service()));
    let [process, port] = one_service();
    let server = eq("role", Role::Server.as_str());
    let opened = sum(
        &["role"],
        &format!("increase({}[{window}])", series(&CONNECTIONS_OPENED, &[server, process, port])),
    );
    let more = format!("delta({waiting}[{window}])");
    max(
        &["port"],
        &format!(
            "{waiting} > 0\nand\n{age} >= {FORGOTTEN_SECONDS}\nunless\n{opened}\n- {more} >= 1"
        ),
    )
}

fn terms(timing: &Timing) -> Vec<Term> {
    let port = most("port", &series(&LISTEN_UNACCEPTED, &[OWNER.to_owned()]), " of port");
    vec![
        term("port", port, ""),
        term("age", FORGOTTEN_SECONDS.to_string(), "seconds that the oldest has waited"),
        term("window", timing.span(RATE), "time in which no connection was accepted"),
    ]
}
