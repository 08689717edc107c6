//! The accept queue of a listener is nearly full all the time.

use catalogue::metrics::pressure::LISTEN_BACKLOG_USED;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, most, not_young, series};
use crate::threshold::USED_RATIO_WARNING;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// The alert TcpListenBacklogNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpListenBacklogNearLimit",
    group: "tcpwarden-listeners",
    rank: 310,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "The accept queue of a listener is nearly full all the time.",
    description: "The fullest accept queue of {{ $labels.process }} ({{ $labels.workload }}) on \
        {{ $labels.instance }} is at \
        {{ $value | humanizePercentage }}[[port]], at least [[used]]: connections wait for the \
        process; when it is full, the kernel drops them.",
    terms,
    board: "tcpwarden-services",
    panel: 11,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    let used_limit = timing.limit("used", USED_RATIO_WARNING);
    let queues = series(&LISTEN_BACKLOG_USED, &[not_young("process")]);
    format!("max without (port) ({queues}) >= {used_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    let used = series(&LISTEN_BACKLOG_USED, &[OWNER.to_owned()]);
    vec![
        term("port", most("port", &used, " on port"), ""),
        limit(
            "used",
            USED_RATIO_WARNING,
            Unit::Share,
            "share of the accept queue that is taken, of the fullest listener",
            timing,
        ),
    ]
}
