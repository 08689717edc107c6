//! The path: segments sent again, connections reset.

use catalogue::labels::{CloseReason, Phase};
use catalogue::metrics::lifecycle::{CONNECTIONS_CLOSED, RETRANSMITTED_SEGMENTS};
use catalogue::metrics::pressure::SEGMENTS_SENT;

use super::promql::{MACHINE, OWNER, among, max, most, ne, not_other, rate, sum};
use super::{Alert, Severity, Term, percent, term};
use crate::threshold::{RESET_RATE, RESET_RATIO, RETRANSMIT_RATE, RETRANSMIT_RATIO};
use crate::timing::{FOR_LONG, FOR_SHORT, KEEP, Timing};

const GROUP: &str = "tcpwarden-network";
const BOARD: &str = "tcpwarden-network";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpRetransmitRatioHigh",
        group: GROUP,
        severity: Severity::Warning,
        expr: retransmits,
        hold: FOR_LONG,
        keep: KEEP,
        summary: "A machine sends a large share of its segments again: the network loses them.",
        description: "{{ $labels.instance }} sends {{ $value | humanizePercentage }} of its segments again, SYNs left out[[who]]; the limit is \
            [[ratio]] and [[rate]].",
        terms: retransmit_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpResetStorm",
        group: GROUP,
        severity: Severity::Warning,
        expr: resets,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "Most connections of a service end with a reset before either side has closed.",
        description: "{{ printf `%.2f` $value }} connections a second of {{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
            {{ $labels.instance }} end with a reset before any FIN[[port]], at least [[rate]] and [[ratio]] of those at one port: data in flight is lost.",
        terms: reset_terms,
        board: BOARD,
    },
];

/// The ends that are resets before any FIN; one that comes after it ends an exchange that was
/// complete.
const RESETS: [&str; 2] = [CloseReason::RstReceived.as_str(), CloseReason::RstSent.as_str()];

/// The share of what was sent, as [`rules::records`](super::records) have it too. Sent by whatever
/// namespace: only so many have series of their own, and the processes of the others are above the
/// line as well.
pub(super) fn ratio(timing: &Timing) -> String {
    format!("{}\n/ {}", again(timing), sum(&["netns"], &rate(&SEGMENTS_SENT, &[], timing)))
}

/// Segments of connections sent again, by machine: the kernel counts what was sent by namespace,
/// not by process.
fn again(timing: &Timing) -> String {
    let data = [ne("phase", Phase::Syn.as_str()), not_other("process")];
    sum(
        &["process", "workload", "role", "phase", "kind"],
        &rate(&RETRANSMITTED_SEGMENTS, &data, timing),
    )
}

fn retransmits(timing: &Timing) -> String {
    format!("{} >= {RETRANSMIT_RATIO}\nand\n{} >= {RETRANSMIT_RATE}", ratio(timing), again(timing))
}

fn resets(timing: &Timing) -> String {
    let service = [not_other("process"), not_other("port")];
    let reset = among("reason", &RESETS);
    let all = sum(&["reason"], &rate(&CONNECTIONS_CLOSED, &service, timing));
    let reset =
        sum(&["reason"], &rate(&CONNECTIONS_CLOSED, &[&[reset], &service[..]].concat(), timing));
    max(&["port"], &format!("{reset} >= {RESET_RATE}\nand\n{reset}\n/ {all} >= {RESET_RATIO}"))
}

fn retransmit_terms(timing: &Timing) -> Vec<Term> {
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
            "segments sent again, SYNs left out, per segment sent",
        ),
        term("rate", format!("{RETRANSMIT_RATE} a second"), "segments sent again"),
    ]
}

fn reset_terms(timing: &Timing) -> Vec<Term> {
    let matchers = [among("reason", &RESETS), OWNER.to_owned()];
    vec![
        term(
            "port",
            most("port", &rate(&CONNECTIONS_CLOSED, &matchers, timing), ", most at port"),
            "",
        ),
        term(
            "rate",
            format!("{RESET_RATE} a second"),
            "connections of one process at one port that a reset ended before any FIN",
        ),
        term(
            "ratio",
            percent(RESET_RATIO),
            "share of its connections at that port that a reset ended so",
        ),
    ]
}
