//! A machine retransmits a large share of its segments: the network loses them.
//!
//! Its limits stand here; boards and the runbook beside it take them from here.

use catalogue::labels::Phase;
use catalogue::metrics::lifecycle::RETRANSMITTED_SEGMENTS;
use catalogue::metrics::pressure::SEGMENTS_SENT;

use crate::alert::{Alert, Severity, Term, Unit, limit, term};
use crate::rules::promql::{MACHINE, foreign, indent, keys, most, ne, not_other, rate, sum};
use crate::timing::{FOR_LONG, KEEP, Timing};

/// Segments retransmitted a second, SYNs excluded, below which their share is noise.
pub const RETRANSMIT_RATE: f64 = 5.0;

/// Share of segments sent that were retransmitted. Within a data centre 0.1 % is bad; towards
/// phones 2 % is a usual day, so a limit for every host cannot be lower.
pub const RETRANSMIT_RATIO: f64 = 0.05;

/// The series by job and instance with which an operator sets another limit for some machines, as
/// `dashboards/examples/limits.yml` does; there need not be any.
pub const OWN_LIMIT: &str = "tcp_retransmit_ratio_limit";

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
        [[ratio]], or what `[[own]]` says, and [[rate]].",
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
    let ratio_limit = timing.limit("ratio", RETRANSMIT_RATIO);
    let rate_limit = timing.limit("rate", RETRANSMIT_RATE);
    let (ratio, again) = (ratio(timing), again(timing));
    let machine = format!("on {}", keys("job, instance"));
    let own = foreign(OWN_LIMIT);
    let past = indent(&format!(
        "{ratio} >= {ratio_limit}\nunless {machine}\n{own}\nor\n{ratio} >= {machine} \
         group_left () {own}"
    ));
    format!("(\n{past}\n)\nand\n{again} >= {rate_limit}")
}

fn terms(timing: &Timing) -> Vec<Term> {
    let again = rate(
        &RETRANSMITTED_SEGMENTS,
        &[ne("phase", Phase::Syn.as_str()), MACHINE.to_owned()],
        timing,
    );
    vec![
        term("who", most("process", &again, ", most of them"), ""),
        limit(
            "ratio",
            RETRANSMIT_RATIO,
            Unit::Share,
            "segments retransmitted, SYNs excluded, per segment sent",
            timing,
        ),
        term("own", OWN_LIMIT.to_owned(), ""),
        limit("rate", RETRANSMIT_RATE, Unit::Rate, "segments retransmitted", timing),
    ]
}
