//! A process opens connections and gives none back: those that carry nothing become more and more.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use std::time::Duration;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::IDLE_AGES;
use catalogue::metrics::connections::CONNECTIONS;
use catalogue::metrics::pressure::IDLE;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{eq, indent, max, named, series, sum, unless_expected};
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::{FOR_SHORT, KEEP_AGED, Timing};

/// By how many the lowest count of a stretch must lie above that of the stretch before it, twice:
/// what is used now and then, and a pool that is renewed, has its lowest count again and again.
pub const IDLE_GROWTH: f64 = 2.0;

/// By how many the established connections must have grown over both stretches: a pool that falls
/// idle in the evening has more idle connections and not more connections.
pub const ESTABLISHED_GROWTH: f64 = 4.0;

/// The time without data from which a connection of a client counts. One of the values of the
/// label `min_idle`.
pub const CLIENT_IDLE: Duration = Duration::from_mins(5);
/// The same of a server, whose clients decide when to speak. One of the values of `min_idle` too.
pub const SERVER_IDLE: Duration = Duration::from_hours(1);

/// A stretch for clients: a pool that is renewed every quarter of an hour has a low in each.
pub const CLIENT_STRETCH: Duration = Duration::from_mins(15);
/// A stretch for servers: the clients of a morning come within fewer than three.
pub const SERVER_STRETCH: Duration = Duration::from_hours(1);

/// The alert TcpEstablishedGrowing.
pub const ALERT: Alert = Alert {
    name: "TcpEstablishedGrowing",
    group: "tcpwarden-leaks",
    rank: 125,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP_AGED,
    summary: "A process opens connections and does not give them back: idle ones only grow.",
    description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
        {{ $labels.instance }} holds {{ $value }} established connections without data for a long \
        time, and their number only grows: connections are opened and not given back.",
    terms,
    board: "tcpwarden-leaks",
    panel: 51,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let of = |role, idle, stretch| format!("(\n{}\n)", indent(&side(role, idle, stretch, timing)));
    let clients = of(Role::Client, CLIENT_IDLE, CLIENT_STRETCH);
    let servers = of(Role::Server, SERVER_IDLE, SERVER_STRETCH);
    unless_expected(&max(&["min_idle"], &format!("{clients}\nor\n{servers}")))
}

/// The lowest count of each of three stretches lies above that of the one before, and above all
/// that there was in the four before those.
fn side(role: Role, idle: Duration, stretch: Duration, timing: &Timing) -> String {
    let count_limit = timing.limit("count", STUCK_CONNECTIONS);
    let growth_limit = timing.limit("growth", IDLE_GROWTH);
    let open_limit = timing.limit("open", ESTABLISHED_GROWTH);
    let role = eq("role", role.as_str());
    let counted =
        series(&IDLE, &[role.clone(), eq("min_idle", &shown(idle, timing)), named("process")]);
    let open = series(
        &CONNECTIONS,
        &[role, eq("state", SocketState::Established.as_str()), named("process")],
    );
    let span = timing.span(stretch);
    let [one, two, four] = [1, 2, 4].map(|times| timing.span(stretch * times));
    // By destination each count is a part of what the process holds.
    let whole = |of: &str| sum(&["destination"], of);
    let lowest = |of: &str, offset: &str| format!("min_over_time({of}[{span}]{offset})");
    let [now, before, first] = [String::new(), format!(" offset {one}"), format!(" offset {two}")];
    let of = |offset: &str| whole(&lowest(&counted, offset));
    [
        format!("{} >= {count_limit}", whole(&counted)),
        "and".to_owned(),
        format!("{}\n- {} >= {growth_limit}", of(&now), of(&before)),
        "and".to_owned(),
        format!("{}\n- {} >= {growth_limit}", of(&before), of(&first)),
        "unless".to_owned(),
        format!("{} >= {}", whole(&format!("max_over_time({counted}[{four}]{first})")), of(&now)),
        "and ignoring (min_idle, state)".to_owned(),
        format!("{}\n- {} >= {open_limit}", lowest(&open, &now), lowest(&open, &first)),
    ]
    .join("\n")
}

/// The least value of `min_idle` that is not below this time.
fn shown(idle: Duration, timing: &Timing) -> String {
    let seconds = timing.seconds(idle);
    let least = IDLE_AGES.into_iter().find(|age| *age >= seconds);
    least.unwrap_or(seconds).to_string()
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit("count", STUCK_CONNECTIONS, Unit::Count, "idle connections of one process", timing),
        limit(
            "growth",
            IDLE_GROWTH,
            Unit::Count,
            "growth of the lowest count from stretch to stretch",
            timing,
        ),
        limit(
            "open",
            ESTABLISHED_GROWTH,
            Unit::Count,
            "growth of the established connections over both",
            timing,
        ),
        term("stretch", timing.span(CLIENT_STRETCH), "a stretch, for clients"),
        term("server_stretch", timing.span(SERVER_STRETCH), "a stretch, for servers"),
    ]
}
