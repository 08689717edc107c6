//! An agent does not answer, or only intermittently, or none is known: its machine is not watched.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::of_agents;
use crate::timing::{ANSWERED, FOR_SHORT, KEEP, Timing};

/// Share of scrapes that an agent answers from which on it is not there: it crashes and is started
/// again. Above what an outage leaves over that is too short for the alert.
pub const ANSWERED_RATIO: f64 = 0.6;

/// The alert TcpwardenDown.
pub const ALERT: Alert = Alert {
    name: "TcpwardenDown",
    group: "tcpwarden-agent",
    rank: 710,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "An agent does not answer, or only intermittently, or none is known: its machine is \
        not watched.",
    description: "{{ if $labels.instance }}The agent {{ $labels.instance }} ({{ $labels.job }}) \
        does not answer, or answered at most [[share]] \
        of the scrapes of the last [[window]]{{ else }}Prometheus has no target \
        [[which]]{{ end }}: no other alert of tcpwarden can fire there.",
    terms,
    board: "tcpwarden-agent",
    panel: 11,
    runbook: include_str!("runbook.md"),
};

/// The agents that do not answer, by the limit of this alert.
///
/// One that crashes and is started again answers in between, so that `for` would begin anew each
/// time. A share of less than the whole window says nothing: a machine that has just come may have
/// missed its first scrapes.
pub(crate) fn silent(timing: &Timing) -> String {
    let share_limit = timing.of(ALERT.name).limit("share", ANSWERED_RATIO);
    let up = of_agents("up");
    let window = timing.span(ANSWERED);
    format!(
        "{up} == 0\nor\navg_over_time({up}[{window}]) <= {share_limit}\nand\n{up} offset {window}"
    )
}

fn expr(timing: &Timing) -> String {
    format!("{}\nor\nabsent({})", silent(timing), of_agents("up"))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let which = if timing.names_job() {
        "that the selector of these rules chooses"
    } else {
        "whose job has tcpwarden in its name"
    };
    vec![
        limit(
            "share",
            ANSWERED_RATIO,
            Unit::Part,
            "share of the scrapes that the agent answers, if it answers at all",
            timing,
        ),
        term("window", timing.span(ANSWERED), "the scrapes of so long"),
        term("which", which.to_owned(), ""),
    ]
}
