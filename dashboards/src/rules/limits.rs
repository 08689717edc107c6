//! What a process or a machine has only so much of: descriptors, local ports, memory for TCP.

use catalogue::labels::ConnectFailure;
use catalogue::metrics::lifecycle::CONNECT_FAILURES;
use catalogue::metrics::pressure::{EPHEMERAL_PORTS_USED, MAX_FDS, OPEN_FDS, SYSCTL, TCP_MEMORY};

use super::promql::{OWNER, eq, indent, most, not_other, rate, series, sum};
use super::{Alert, Severity, Term, percent, term};
use crate::threshold::{NO_LOCAL_PORT_RATE, USED_RATIO_CRITICAL, USED_RATIO_WARNING};
use crate::timing::{FOR_SHORT, HORIZON, KEEP, TREND, Timing};

const GROUP: &str = "tcpwarden-limits";
const BOARD: &str = "tcpwarden-capacity";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpDescriptorsNearLimit",
        group: GROUP,
        severity: Severity::Critical,
        expr: descriptors,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A process with TCP sockets is about to run out of descriptors.",
        description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} has {{ $value | humanizePercentage }} of its \
            descriptors open: at least [[critical]], or [[warning]] and at the limit within [[horizon]]. Then accept, connect and open fail \
            with EMFILE.",
        terms: near_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpEphemeralPortsNearExhaustion",
        group: GROUP,
        severity: Severity::Warning,
        expr: ports,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "The local ports for one destination are nearly used up.",
        description: "In network namespace {{ $labels.netns }} on {{ $labels.instance }} {{ $value | humanizePercentage }} of the local ports \
            towards one destination are taken: at least [[critical]], or [[warning]] and all of them within [[horizon]]. Then connects to it \
            fail with EADDRNOTAVAIL.",
        terms: near_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpEphemeralPortsExhausted",
        group: GROUP,
        severity: Severity::Critical,
        expr: exhausted,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "Connects fail because no local port is left.",
        description: "{{ printf `%.2f` $value }} connects a second of {{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} \
            fail with EADDRNOTAVAIL, at least [[rate]]: every local port towards the destination is taken[[port]].",
        terms: exhausted_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpMemoryNearLimit",
        group: GROUP,
        severity: Severity::Critical,
        expr: memory,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "The memory for TCP buffers is nearly used up; the kernel already shrinks windows.",
        description: "TCP buffers on {{ $labels.instance }} take {{ $value | humanizePercentage }} of net.ipv4.tcp_mem, at least [[warning]]: \
            windows shrink now, and at the limit the kernel drops data of every connection and resets orphans.",
        terms: memory_terms,
        board: BOARD,
    },
];

/// Past the one limit, or past the other and on the way to all of it, by the last stretch of
/// `history` and by that before: a step, a warm-up or another process in the same series is in one
/// of the two, a climb in both.
fn now_or_soon(ratio: &str, history: &str, timing: &Timing) -> String {
    let (trend, horizon) = (timing.span(TREND), timing.seconds(HORIZON));
    let ahead = |offset: &str| format!("predict_linear({history}{offset}, {horizon}) >= 1");
    let soon = format!(
        "({ratio} >= {USED_RATIO_WARNING})\nand\n{}\nand\n{}",
        ahead(""),
        ahead(&format!(" offset {trend}"))
    );
    format!("{ratio} >= {USED_RATIO_CRITICAL}\nor (\n{}\n)", indent(&soon))
}

fn descriptors(timing: &Timing) -> String {
    let (open, limit) = (series(&OPEN_FDS, &[]), series(&MAX_FDS, &[]));
    let ratio = format!("{open} / {limit}");
    // The share, not the count: the next process to be the nearest has another limit.
    let history = format!("({ratio})[{}:{}s]", timing.span(TREND), timing.interval.as_secs());
    now_or_soon(&ratio, &history, timing)
}

/// Where the host takes ports in TIME_WAIT again (`tcp_tw_reuse=1`), their number says nothing;
/// when connects fail for lack of a port, the next alert does. Namespaces of containers have that
/// setting for themselves.
fn ports(timing: &Timing) -> String {
    let ratio = series(&EPHEMERAL_PORTS_USED, &[]);
    let reuse = format!(
        "label_replace({} == 1, \"netns\", \"host\", \"name\", \".*\")",
        series(&SYSCTL, &[eq("name", "tcp_tw_reuse")])
    );
    let near = now_or_soon(&ratio, &format!("{ratio}[{}]", timing.span(TREND)), timing);
    format!("(\n{}\n)\nunless on (job, instance, netns)\n{reuse}", indent(&near))
}

fn exhausted(timing: &Timing) -> String {
    let failures = rate(
        &CONNECT_FAILURES,
        &[eq("reason", ConnectFailure::NoLocalPort.as_str()), not_other("process")],
        timing,
    );
    format!("{} >= {NO_LOCAL_PORT_RATE}", sum(&["port", "reason"], &failures))
}

fn memory(_timing: &Timing) -> String {
    let kind = |kind| sum(&["kind"], &series(&TCP_MEMORY, &[eq("kind", kind)]));
    format!("{}\n/ {} >= {USED_RATIO_WARNING}", kind("used"), kind("limit"))
}

fn near_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term("critical", percent(USED_RATIO_CRITICAL), "share in use, whatever the trend"),
        term(
            "warning",
            percent(USED_RATIO_WARNING),
            "share in use, if the trend reaches all of it",
        ),
        term("horizon", timing.span(HORIZON), "time within which the trend reaches all of it"),
        term(
            "trend",
            timing.span(TREND),
            "history from which the trend is told, and as much before it, by itself",
        ),
    ]
}

fn exhausted_terms(timing: &Timing) -> Vec<Term> {
    let failures = rate(
        &CONNECT_FAILURES,
        &[eq("reason", ConnectFailure::NoLocalPort.as_str()), OWNER.to_owned()],
        timing,
    );
    vec![
        term("port", most("port", &failures, ", most of them connects to port"), ""),
        term("rate", format!("{NO_LOCAL_PORT_RATE} a second"), "failed connects of one process"),
    ]
}

fn memory_terms(_timing: &Timing) -> Vec<Term> {
    vec![term(
        "warning",
        percent(USED_RATIO_WARNING),
        "share of the limit, the third number of `net.ipv4.tcp_mem`",
    )]
}
