//! A machine retransmits a large share of its segments: the network loses them.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::Phase;
use catalogue::metrics::lifecycle::RETRANSMITTED_SEGMENTS;
use catalogue::metrics::pressure::SEGMENTS_SENT;

use crate::alert::{Alert, Severity, Term, percent, term};
use crate::rules::promql::{MACHINE, most, ne, not_other, rate, sum};
use crate::timing::{FOR_LONG, KEEP, Timing};

/// Segments retransmitted a second, SYNs excluded, below which their share is noise.
pub const RETRANSMIT_RATE: f64 = 5.0;

/// Share of segments sent that were retransmitted. Within a data centre 0.1 % is bad; towards
/// phones 2 % is a usual day, so a limit for every host cannot be lower.
pub const RETRANSMIT_RATIO: f64 = 0.05;

/// The alert TcpRetransmitRatioHigh.
pub const ALERT: Alert = Alert {
    name: "TcpRetransmitRatioHigh",
    group: "tcpwarden-network",
    rank: 510,
    severity: Severity::Warning,
    expr,
    hold: FOR_LONG,
    keep: KEEP,
    summary: "A machine retransmits a large share of its segments: the network loses them.",
    description: "{{ $labels.instance }} retransmits {{ $value | humanizePercentage }} of its \
        segments, SYNs excluded[[who]]; the limit is \
        [[ratio]] and [[rate]].",
    terms,
    board: "tcpwarden-network",
    panel: 21,
    runbook: include_str!("runbook.md"),
};

/// The share of what was sent, as [`rules::records`](crate::rules::records) have it too. Sent by
/// whatever namespace: only so many have series of their own, and the processes of the others are
/// above the line as well.
pub(crate) fn ratio(timing: &Timing) -> String {
    format!("{}\n/ {}", again(timing), sum(&["netns"], &rate(&SEGMENTS_SENT, &[], timing)))
}

/// Segments of connections retransmitted, by machine: the kernel counts what was sent by namespace,
/// not by process.
fn again(timing: &Timing) -> String {
    let data = [ne("phase", Phase::Syn.as_str()), not_other("process")];
    sum(
        &["process", "workload", "role", "phase", "kind"],
        &rate(&RETRANSMITTED_SEGMENTS, &data, timing),
    )
}

fn expr(timing: &Timing) -> String {
    format!("{} >= {RETRANSMIT_RATIO}\nand\n{} >= {RETRANSMIT_RATE}", ratio(timing), again(timing))
}

fn terms(timing: &Timing) -> Vec<Term> {
    let again = rate(
        &RETRANSMITTED_SEGMENTS,
        &[ne("phase", Phase::Syn.as_str()), MACHINE.to_owned()],
        timing,
    );
    vec![
        term("who", most("process", &again, ", most of them"), ""),
        term(
            "ratio",
            percent(RETRANSMIT_RATIO),
            "segments retransmitted, SYNs excluded, per segment sent",
        ),
        term("rate", format!("{RETRANSMIT_RATE} a second"), "segments retransmitted"),
    ]
}
