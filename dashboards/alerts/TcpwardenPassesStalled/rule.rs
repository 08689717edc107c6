//! An agent answers, but no longer reads the kernel's lists.

use catalogue::metrics::agent::RECONCILE_LAST_COMPLETED;

use crate::alert::{Alert, Severity, Term, term};
use crate::rules::promql::series;
use crate::timing::{FOR_SHORT, KEEP, PASS_AGE, Timing};

/// The alert TcpwardenPassesStalled.
pub const ALERT: Alert = Alert {
    name: "TcpwardenPassesStalled",
    group: "tcpwarden-agent",
    rank: 720,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "An agent answers, but no longer reads the kernel's lists.",
    description: "The last complete pass of {{ $labels.instance }} was \
        {{ $value | humanizeDuration }} ago, more than [[age]]: queues, backlogs, \
        ports and stages are as old, and nothing that was lost is corrected.",
    terms,
    board: "tcpwarden-agent",
    panel: 18,
    runbook: include_str!("runbook.md"),
};

fn expr(timing: &Timing) -> String {
    format!("time() - {} >= {}", series(&RECONCILE_LAST_COMPLETED, &[]), timing.seconds(PASS_AGE))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![term(
        "age",
        timing.span(PASS_AGE),
        "time since the last complete pass, which comes each `--reconcile-interval`, 30 s",
    )]
}
