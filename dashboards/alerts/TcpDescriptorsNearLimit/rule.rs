//! A process with TCP sockets is about to run out of descriptors, or has none left.

use std::time::Duration;

use catalogue::metrics::pressure::{FDS_EXHAUSTED, MAX_FDS, OPEN_FDS};

use crate::alert::{Alert, Severity, Term, percent, term};
use crate::rules::promql::{indent, not_young, series};
use crate::rules::shared::{soon, soon_terms};
use crate::timing::{FOR_SHORT, KEEP, TREND, Timing};

/// The share at which none is left.
pub const NONE_LEFT: f64 = 1.0;

/// How long a touch of the limit counts. Shorter than `for`, so that one touch is none.
const TOUCHED: Duration = Duration::from_mins(4);

/// The alert TcpDescriptorsNearLimit.
pub const ALERT: Alert = Alert {
    name: "TcpDescriptorsNearLimit",
    group: "tcpwarden-limits",
    rank: 210,
    severity: Severity::Critical,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A process with TCP sockets is about to run out of descriptors.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has \
        {{ $value | humanizePercentage }} of its \
        descriptors open: all of them, or [[warning]] and at the limit within \
        [[horizon]]. Then accept, connect and open fail \
        with EMFILE.",
    terms,
    board: "tcpwarden-capacity",
    panel: 31,
    runbook: include_str!("runbook.md"),
};

/// A level that stays is a ticket, `TcpDescriptorsHigh`. At the limit itself a process closes and
/// opens, so the highest share of the window counts.
fn expr(timing: &Timing) -> String {
    let ratio = ratio();
    let step = timing.interval.as_secs();
    // The share, not the count: the next process to be the nearest has another limit.
    let history = format!("({ratio})[{}:{step}s]", timing.span(TREND));
    format!(
        "max_over_time(({ratio})[{}:{step}s]) >= {NONE_LEFT}\nor (\n{}\n)",
        timing.span(TOUCHED),
        indent(&soon(&ratio, &history, &series(&FDS_EXHAUSTED, &[]), timing))
    )
}

/// The share of its descriptors that a process has open.
pub(crate) fn ratio() -> String {
    let of = |metric| series(metric, &[not_young("process")]);
    format!("{} / {}", of(&OPEN_FDS), of(&MAX_FDS))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let none = term("none", percent(NONE_LEFT), "share in use, whatever the trend: EMFILE");
    [vec![none], soon_terms(timing)].concat()
}
