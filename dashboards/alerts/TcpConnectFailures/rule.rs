//! A client fails to connect to a service.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::{ConnectFailure, Role};
use catalogue::metrics::lifecycle::{
    CONNECT_FAILURES, CONNECTIONS_ESTABLISHED, CONNECTIONS_OPENED,
};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{
    SERVICE, and, eq, indent, most, most_named, ne, none_of, not_other, rate, series, sum,
};
use crate::rules::shared::SHORT_LIVED;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Failed connects a second towards one port: six a minute; below, a share says nothing.
pub const CONNECT_FAILURE_RATE: f64 = 0.1;

/// Share of connects that fail.
pub const CONNECT_FAILURE_RATIO: f64 = 0.1;

/// Share of connects that the program itself gives up. A client that tries IPv4 and IPv6 side by
/// side gives up one for each that succeeds, so half is normal.
pub const CONNECT_CANCELED_RATIO: f64 = 0.6;

/// How often a connection that is kept counts as a connect, in seconds.
pub const KEPT_SECONDS: u32 = 60;

/// The alert TcpConnectFailures.
pub const ALERT: Alert = Alert {
    name: "TcpConnectFailures",
    group: "tcpwarden-connects",
    rank: 410,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A client fails to connect to a service.",
    description: "{{ $value | humanizePercentage }} of the connects of {{ $labels.process }} \
        ({{ $labels.workload }}) on {{ $labels.instance }} to port {{ $labels.port }} \
        fail[[where]][[why]][[young]]; the limit is \
        [[ratio]] of them (given up by the program itself: [[canceled]]) and [[rate]].",
    terms,
    board: "tcpwarden-services",
    panel: 24,
    runbook: include_str!("runbook.md"),
};

/// Clients of one port: those whose process is as `who` says. Where the birth was not seen, the
/// role is unknown.
fn clients(who: &str) -> [String; 3] {
    [ne("role", Role::Server.as_str()), who.to_owned(), not_other("port")]
}

/// Connects that reached the other side.
fn opened(who: &str, timing: &Timing) -> String {
    sum(&["role"], &rate(&CONNECTIONS_OPENED, &clients(who), timing))
}

/// Connections that the process keeps to the port, as if it had opened each once in
/// [`KEPT_SECONDS`]: a client that keeps those to its healthy peers opens none, and the few dead
/// peers would be all of its connects.
fn kept(who: &str) -> String {
    let open = series(&CONNECTIONS_ESTABLISHED, &clients(who));
    format!("{} / {KEPT_SECONDS}", sum(&["role"], &open))
}

/// Failed connects, of these reasons, without these labels.
fn failed_without(labels: &[&str], who: &str, reason: Option<String>, timing: &Timing) -> String {
    let service = [who.to_owned(), not_other("port")];
    let matchers: Vec<String> = reason.into_iter().chain(service).collect();
    sum(labels, &rate(&CONNECT_FAILURES, &matchers, timing))
}

/// Failed connects, of these reasons, to any destination.
fn failed(who: &str, reason: Option<String>, timing: &Timing) -> String {
    failed_without(&["destination", "reason"], who, reason, timing)
}

/// The same by destination, as far as operators have named them.
pub(crate) fn failed_to(who: &str, reason: Option<String>, timing: &Timing) -> String {
    failed_without(&["reason"], who, reason, timing)
}

/// Connects to a port a second of a process that is as `who` says, those that failed among them.
pub(crate) fn attempts(who: &str, timing: &Timing) -> String {
    let connects = format!("{} + {}", opened(who, timing), failed(who, None, timing));
    format!("(\n{}\n)", indent(&format!("{connects}\n+ {}\nor\n{connects}", kept(who))))
}

/// The processes, as `who` says, whose connects to a port fail, `rate_limit` of them a second at
/// least, by the shares of this alert. What the program gave up is judged by itself; that no local
/// port is left has an alert of its own.
fn failing(who: &str, rate_limit: f64, timing: &Timing) -> String {
    by_reason(timing, |reason, ratio| {
        let failed = failed(who, Some(reason), timing);
        format!("{failed}\n/ {} >= {ratio}\nand\n{failed} >= {rate_limit}", attempts(who, timing))
    })
}

/// The destinations, named or not, towards which such a process has `rate_limit` failed connects a
/// second at least. The shares are those of the port: what succeeds has no destination.
pub(crate) fn failing_to(who: &str, rate_limit: f64, timing: &Timing) -> String {
    by_reason(timing, |reason, ratio| {
        let to = format!("{} >= {rate_limit}", failed_to(who, Some(reason.clone()), timing));
        let failed = failed(who, Some(reason), timing);
        let share = format!("{failed}\n/ {} >= {ratio}", attempts(who, timing));
        and(&to, &["destination"], &share)
    })
}

/// What failed, or else what the program gave up, each by its limit.
fn by_reason(timing: &Timing, of: impl Fn(String, f64) -> String) -> String {
    let own = timing.of(ALERT.name);
    let ratio_limit = own.limit("ratio", CONNECT_FAILURE_RATIO);
    let canceled_limit = own.limit("canceled", CONNECT_CANCELED_RATIO);
    let (canceled, no_port) =
        (ConnectFailure::Canceled.as_str(), ConnectFailure::NoLocalPort.as_str());
    let refused = of(none_of("reason", &[canceled, no_port]), ratio_limit);
    let given_up = of(eq("reason", canceled), canceled_limit);
    format!("(\n{}\n)\nor\n(\n{}\n)", indent(&refused), indent(&given_up))
}

/// What names connect that are too young for series counts too, all to one port together: a
/// program that runs for a moment each minute, and fails each time, is always young.
fn expr(timing: &Timing) -> String {
    failing(&not_other("process"), timing.limit("rate", CONNECT_FAILURE_RATE), timing)
}

fn terms(timing: &Timing) -> Vec<Term> {
    let failed = rate(&CONNECT_FAILURES, &[SERVICE.to_owned()], timing);
    vec![
        term("where", most_named("destination", &failed, ", mostly to"), ""),
        term("why", most("reason", &failed, ", mostly"), ""),
        term("young", SHORT_LIVED.to_owned(), ""),
        limit(
            "rate",
            CONNECT_FAILURE_RATE,
            Unit::Rate,
            "failed connects of one process to one port",
            timing,
        ),
        limit(
            "ratio",
            CONNECT_FAILURE_RATIO,
            Unit::Share,
            "share of its connects to that port that fail, kept connections counted as connects",
            timing,
        ),
        limit(
            "canceled",
            CONNECT_CANCELED_RATIO,
            Unit::Share,
            "share of its connects to that port that the program gives up",
            timing,
        ),
    ]
}
