//! Nobody accepts on a listener, or hardly anybody: what comes to it waits.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use std::time::Duration;

use catalogue::labels::Role;
use catalogue::metrics::lifecycle::CONNECTIONS_OPENED;
use catalogue::metrics::pressure::{LISTEN_UNACCEPTED, LISTEN_UNACCEPTED_AGE};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, eq, max, most, series, sum};
use crate::rules::shared::one_service;
use crate::timing::{FOR_LONG, KEEP, RATE, Timing};

/// How long the oldest connection has waited, in seconds.
pub const FORGOTTEN_SECONDS: f64 = 60.0;

/// How long it may take until a connection that waits is counted as such: the ten seconds from
/// which it counts, two passes, and a scrape.
const LAG: Duration = Duration::from_secs(90);

/// The alert TcpListenerNotAccepting.
pub const ALERT: Alert = Alert {
    name: "TcpListenerNotAccepting",
    group: "tcpwarden-listeners",
    rank: 340,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "Connections to a listener are not accepted.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has \
        accepted none, or fewer than a third, of the connections to a listener[[port]] for \
        [[window]], and {{ $value }} wait there, the oldest for more than [[age]] s.",
    terms,
    board: "tcpwarden-services",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

/// What was accepted is what was opened less what waits more than before. A connection is counted
/// as opened at once and as waiting [`LAG`] later at the latest, so the last ones are left out of
/// what was opened: a listener that accepts fewer than a third of what comes looks as if it
/// accepted none. What was not there at the begin of the window has not changed.
fn expr(timing: &Timing) -> String {
    let age_limit = timing.limit("age", FORGOTTEN_SECONDS);
    let (window, lag) = (timing.span(RATE), timing.span(LAG));
    let [waiting, age] =
        [&LISTEN_UNACCEPTED, &LISTEN_UNACCEPTED_AGE].map(|metric| series(metric, &one_service()));
    let [process, port] = one_service();
    let server = eq("role", Role::Server.as_str());
    let opened = series(&CONNECTIONS_OPENED, &[server, process, port]);
    let ago = |time: &str| sum(&["role"], &format!("{opened} offset {time}"));
    let opened = format!("{} - ({} or {})", ago(&lag), ago(&window), ago(&lag));
    let more = format!("({waiting} - ({waiting} offset {window} or {waiting}))");
    max(
        &["port"],
        &format!("{waiting} > 0\nand\n{age} >= {age_limit}\nunless\n{opened}\n- {more} >= 1"),
    )
}

fn terms(timing: &Timing) -> Vec<Term> {
    let port = most("port", &series(&LISTEN_UNACCEPTED, &[OWNER.to_owned()]), " of port");
    vec![
        term("port", port, ""),
        limit(
            "age",
            FORGOTTEN_SECONDS,
            Unit::Seconds,
            "seconds that the oldest has waited",
            timing,
        ),
        term("window", timing.span(RATE), "time in which no connection was accepted"),
    ]
}
