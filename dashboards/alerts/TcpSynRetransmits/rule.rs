//! A client retransmits SYNs: the first one gets no answer.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::{Phase, Role};
use catalogue::metrics::lifecycle::{CONNECT_FAILURES, CONNECTIONS_OPENED, RETRANSMITTED_SEGMENTS};

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{OWNER, eq, indent, most, named, ne, rate, sum};
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// SYNs retransmitted a second.
pub const SYN_RETRANSMIT_RATE: f64 = 0.1;

/// SYNs retransmitted per connect: a path that loses less than one in twenty is not worth a call.
pub const SYN_RETRANSMIT_RATIO: f64 = 0.05;

/// The alert TcpSynRetransmits.
pub const ALERT: Alert = Alert {
    name: "TcpSynRetransmits",
    group: "tcpwarden-connects",
    rank: 430,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A client retransmits SYNs: the first one gets no answer.",
    description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} \
        retransmits {{ printf `%.2f` $value }} SYNs a second; the limit is [[rate]] and, where \
        its connects are known, [[ratio]] of them. They get no answer, and each costs a second or \
        more[[port]].",
    terms,
    board: "tcpwarden-network",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

/// Attempts under way are not counted yet: with none finished the share is infinite, as it should
/// be. A process that has no place in the budget of services has no attempts at all in the metrics:
/// its rate is judged alone.
fn expr(timing: &Timing) -> String {
    let rate_limit = timing.limit("rate", SYN_RETRANSMIT_RATE);
    let ratio_limit = timing.limit("ratio", SYN_RETRANSMIT_RATIO);
    let syn = [eq("phase", Phase::Syn.as_str()), named("process")];
    let again = sum(&["role", "phase", "kind"], &rate(&RETRANSMITTED_SEGMENTS, &syn, timing));
    let opened =
        rate(&CONNECTIONS_OPENED, &[ne("role", Role::Server.as_str()), named("process")], timing);
    let failed = rate(&CONNECT_FAILURES, &[named("process")], timing);
    let opened = sum(&["role", "port"], &opened);
    let failed = sum(&["port", "destination", "reason"], &failed);
    let attempts = format!("({opened} + {failed})");
    let share = format!("{again}\n/ {attempts} >= {ratio_limit}\nor\n{again}\nunless\n{attempts}");
    format!("{again} >= {rate_limit}\nand (\n{}\n)", indent(&share))
}

fn terms(timing: &Timing) -> Vec<Term> {
    vec![
        term(
            "port",
            most(
                "port",
                &rate(&CONNECT_FAILURES, &[OWNER.to_owned()], timing),
                "; most of those that fail go to port",
            ),
            "",
        ),
        limit("rate", SYN_RETRANSMIT_RATE, Unit::Rate, "SYNs retransmitted by one process", timing),
        limit(
            "ratio",
            SYN_RETRANSMIT_RATIO,
            Unit::Share,
            "SYNs retransmitted per connect that came to an end",
            timing,
        ),
    ]
}
