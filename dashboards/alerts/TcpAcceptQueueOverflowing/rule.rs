//! A listener drops connections because its accept queue is full.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::pressure::{LISTEN_BACKLOG_USED, LISTEN_DROPS, LISTEN_OVERFLOWS};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, and, indent, keys, most, named, rate, series};
use crate::timing::{FOR_SHORT, KEEP, RATE, Timing};

/// Drops a second at a listener while an accept queue of its network namespace overflows: six a
/// minute, each a connect that takes a second longer, or fails.
pub const ACCEPT_DROPS_RATE: f64 = 0.1;

/// How full the accept queue of a listener must have been seen for its drops to be overflows of it.
/// It is looked at once a pass, so a queue that overflows in bursts is seen half full, seldom full.
pub const OVERFLOWING_BACKLOG_RATIO: f64 = 0.5;

/// The alert TcpAcceptQueueOverflowing.
pub const ALERT: Alert = Alert {
    name: "TcpAcceptQueueOverflowing",
    group: "tcpwarden-listeners",
    rank: 320,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A listener drops connections because its accept queue is full.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} drops \
        {{ printf `%.2f` $value }} segments a second \
        at its listeners[[port]] while accept queues overflow, both at least [[rate]], and its \
        own were [[filled]] full or more: clients \
        wait a second or more for each connect, or fail.",
    terms,
    board: "tcpwarden-services",
    panel: 13,
    runbook: include_str!("runbook.md"),
};

/// The kernel counts overflows by namespace, any of them, and drops, for whatever reason, by
/// listener. Both together name the culprit, if its own queue was seen filled: others drop for
/// other reasons while it overflows.
fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", ACCEPT_DROPS_RATE);
    let filled_limit = timing.limit("filled", OVERFLOWING_BACKLOG_RATIO);
    let drops = rate(&LISTEN_DROPS, &[named("process")], timing);
    let filled = format!(
        "max_over_time({}[{}]) >= {filled_limit}",
        series(&LISTEN_BACKLOG_USED, &[]),
        timing.span(RATE)
    );
    let drops = format!("sum without (port) (\n{}\n)", indent(&and(&drops, &[], &filled)));
    let machine = keys("job, instance");
    let overflows = rate(&LISTEN_OVERFLOWS, &[], timing);
    format!(
        "{drops} >= {rate_limit}\nand on {machine}\nsum by {machine} ({overflows}) >= {rate_limit}"
    )
}

fn terms(timing: &Timing) -> Vec<Term> {
    let drops = rate(&LISTEN_DROPS, &[OWNER.to_owned()], timing);
    vec![
        term("port", most("port", &drops, ", most on port"), ""),
        limit(
            "rate",
            ACCEPT_DROPS_RATE,
            Unit::Rate,
            "drops of one process' listeners, and overflows on the machine",
            timing,
        ),
        limit(
            "filled",
            OVERFLOWING_BACKLOG_RATIO,
            Unit::Share,
            "share of the listener's accept queue that was taken at one look at least",
            timing,
        ),
    ]
}
