//! Many machines fail to connect to one port: what they connect to is gone, and not one of them.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::ConnectFailure;
use catalogue::metrics::lifecycle::CONNECT_FAILURES;

use crate::alert::{Alert, Severity, Term, Unit, limit, percent, term};
use crate::alerts::tcp_connect_failures::{
    ALERT as OF_MACHINE, CONNECT_CANCELED_RATIO, CONNECT_FAILURE_RATIO, attempts, failed_to,
    failing_to,
};
use crate::rules::promql::{PORT, and, count_by, many, max_by, most, ne, not_other, rate};
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Machines that fail: fewer are as well told one by one.
pub const FAILING_MACHINES: f64 = 5.0;

/// Their share of the machines that connect to the port: of a thousand that use port 443 some
/// always fail, each for a reason of its own.
pub const FAILING_SHARE: f64 = 0.05;

/// Failed connects a second of one process to the port: one in fifty seconds. A fifth of what the
/// alert of one machine needs, so that a failure of all is seen as such before the busiest of them
/// is told by itself.
pub const FAILING_RATE: f64 = 0.02;

/// The alert TcpFleetConnectFailures. It stands in the group of the alert of one machine and before
/// it, and has the same `for`: what begins everywhere at once is told by this one.
pub const ALERT: Alert = Alert {
    name: "TcpFleetConnectFailures",
    group: "tcpwarden-connects",
    rank: 405,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Many machines fail to connect to one port.",
    description: "{{ $value }} machines ({{ $labels.job }}) fail to connect to port \
        {{ $labels.port }}{{ with $labels.destination }} of {{ . }}{{ end }}[[why]]; the limit is \
        [[machines]] machines and [[share]] of those that connect to it.",
    terms,
    board: "tcpwarden-fleet",
    panel: 31,
    runbook: include_str!("runbook.md"),
};

/// How many machines have a process that fails, by port and named destination. Names that are too
/// young for series count as one process: the port is accused, and what connects to it is often a
/// job that ends at once.
pub(crate) fn failing_machines(timing: &Timing) -> String {
    let rate_limit = timing.of(ALERT.name).limit("rate", FAILING_RATE);
    machines(&failing_to(&not_other("process"), rate_limit, timing))
}

/// How many machines have a process that connects, likewise: what succeeds has no destination, but
/// the failures to one are counted from the first connection to it on, from 0.
pub(crate) fn connecting_machines(timing: &Timing) -> String {
    let who = not_other("process");
    let connects = format!("{} > 0", attempts(&who, timing));
    machines(&and(&failed_to(&who, None, timing), &["destination"], &connects))
}

fn machines(of: &str) -> String {
    count_by("job, port, destination", &max_by("job, instance, port, destination", of))
}

fn expr(timing: &Timing) -> String {
    let machines_limit = timing.limit("machines", FAILING_MACHINES);
    let share_limit = timing.limit("share", FAILING_SHARE);
    many(&failing_machines(timing), machines_limit, &connecting_machines(timing), share_limit)
}

fn terms(timing: &Timing) -> Vec<Term> {
    let judged = [PORT.to_owned(), ne("reason", ConnectFailure::NoLocalPort.as_str())];
    let of_machine = timing.of(OF_MACHINE.name);
    let ratio = percent(of_machine.limit("ratio", CONNECT_FAILURE_RATIO));
    let canceled = percent(of_machine.limit("canceled", CONNECT_CANCELED_RATIO));
    vec![
        term("why", most("reason", &rate(&CONNECT_FAILURES, &judged, timing), ", mostly"), ""),
        limit(
            "machines",
            FAILING_MACHINES,
            Unit::Count,
            "machines with a process that fails to connect to one port",
            timing,
        ),
        limit(
            "share",
            FAILING_SHARE,
            Unit::Share,
            "their share of the machines that connect to that port",
            timing,
        ),
        limit(
            "rate",
            FAILING_RATE,
            Unit::Rate,
            "failed connects of such a process to that port",
            timing,
        ),
        term("ratio", ratio, "share of its connects to that port that fail, as TcpConnectFailures"),
        term("canceled", canceled, "share that the program gives up, likewise"),
    ]
}
