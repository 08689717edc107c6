//! An agent starts again and again.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::metrics::agent::{BUILD_INFO, PROCESS_START_TIME};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{keys, series};
use crate::timing::{FOR_SHORT, KEEP, RESTARTS, Timing};

/// Restarts within an hour: an upgrade is one, one that is taken back two.
pub const AGENT_RESTARTS: f64 = 4.0;

/// The alert TcpwardenRestarting.
pub const ALERT: Alert = Alert {
    name: "TcpwardenRestarting",
    group: "tcpwarden-agent",
    rank: 715,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "An agent starts again and again.",
    description: "The agent {{ $labels.instance }} ({{ $labels.job }}) has started again {{ $value }} \
        times within [[window]]; the limit is [[restarts]]. Ages of its connections begin anew each \
        time.",
    terms,
    board: "tcpwarden-fleet",
    panel: 42,
    runbook: include_str!("runbook.md"),
};

/// How often an agent started, where that is as `condition` says. Other programs have the series
/// too; an agent that does not answer just now had the other one within the window.
pub(crate) fn restarts(condition: &str, timing: &Timing) -> String {
    let window = timing.span(RESTARTS);
    let (started, agent) = (series(&PROCESS_START_TIME, &[]), series(&BUILD_INFO, &[]));
    let on = keys("job, instance");
    format!(
        "changes({started}[{window}]){condition}\nand on {on}\nmax_over_time({agent}[{window}])"
    )
}

fn expr(timing: &Timing) -> String {
    let restarts_limit = timing.limit("restarts", AGENT_RESTARTS);
    restarts(&format!(" >= {restarts_limit}"), timing)
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "restarts",
            AGENT_RESTARTS,
            Unit::Count,
            "starts of the agent after the first",
            timing,
        ),
        term("window", timing.span(RESTARTS), "within so long"),
    ]
}
