//! Many agents do not answer: the cause is not on one machine.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use crate::alert::{Alert, Severity, Term, Unit, limit};
use crate::alerts::tcpwarden_down::silent;
use crate::rules::promql::{count_by, many, of_agents};
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// Agents that do not answer: one or two are as well told one by one, and of a fleet of four one is
/// a quarter.
pub const AGENTS_DOWN: f64 = 3.0;

/// Their share of the agents that Prometheus knows.
pub const AGENTS_DOWN_SHARE: f64 = 0.1;

/// The alert TcpwardenAgentsDown. It stands in the group of the alert of one agent and before it,
/// and has the same `for`: what ends everywhere at once is told by this one.
pub const ALERT: Alert = Alert {
    name: "TcpwardenAgentsDown",
    group: "tcpwarden-agent",
    rank: 705,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "Many agents do not answer: their machines are not watched.",
    description: "{{ $value }} agents ({{ $labels.job }}) do not answer, or only intermittently; \
        the limit is [[agents]] agents and [[share]] of all: no other alert of tcpwarden can fire \
        for their machines.",
    terms,
    board: "tcpwarden-fleet",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

/// How many agents do not answer, by job.
pub(crate) fn agents_down(timing: &Timing) -> String {
    count_by("job", &silent(timing))
}

/// How many agents Prometheus knows, whether they answer or not, by job.
pub(crate) fn agents() -> String {
    count_by("job", &of_agents("up"))
}

fn expr(timing: &Timing) -> String {
    let agents_limit = timing.limit("agents", AGENTS_DOWN);
    let share_limit = timing.limit("share", AGENTS_DOWN_SHARE);
    many(&agents_down(timing), agents_limit, &agents(), share_limit)
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "agents",
            AGENTS_DOWN,
            Unit::Count,
            "agents that do not answer, as TcpwardenDown has it",
            timing,
        ),
        limit(
            "share",
            AGENTS_DOWN_SHARE,
            Unit::Share,
            "their share of the agents that Prometheus knows",
            timing,
        ),
    ]
}
