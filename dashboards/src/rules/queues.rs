//! Data that waits: nobody reads it here, or nobody reads it there.

use catalogue::labels::SocketState;
use catalogue::metrics::connections::CONNECTIONS;
use catalogue::metrics::pressure::{RECEIVE_QUEUE, ZERO_WINDOW};

use super::promql::{among, not_other, series, sum};
use super::{Alert, Severity, Term, percent, term};
use crate::threshold::{
    UNREAD_BYTES, UNREAD_BYTES_PER_CONNECTION, ZERO_WINDOW_CONNECTIONS, ZERO_WINDOW_RATIO,
};
use crate::timing::{FOR_SHORT, KEEP, RATE, Timing};

const GROUP: &str = "tcpwarden-queues";
const BOARD: &str = "tcpwarden-network";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpReceiversNotReading",
        group: GROUP,
        severity: Severity::Warning,
        expr: receivers,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A process does not read what it receives.",
        description: "{{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on {{ $labels.instance }} had never less than \
            {{ $value | humanize1024 }}B unread for [[window]], at least [[bytes]] and [[each]] a connection: it holds up its peers.",
        terms: receivers_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpPeersNotReading",
        group: GROUP,
        severity: Severity::Warning,
        expr: peers,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "The peers of a process do not read what it sends.",
        description: "{{ $value }} connections of {{ $labels.process }} ({{ $labels.workload }}, {{ $labels.role }}) on \
            {{ $labels.instance }} could not send for [[window]], at least [[count]] and [[ratio]] of its connections: their peers' windows \
            are closed.",
        terms: peers_terms,
        board: BOARD,
    },
];

/// Connections that can carry data towards this side, or hold some that came.
fn connections() -> String {
    let states = [
        SocketState::Established,
        SocketState::CloseWait,
        SocketState::FinWait1,
        SocketState::FinWait2,
    ];
    sum(&["state"], &series(&CONNECTIONS, &[among("state", &states.map(SocketState::as_str))]))
}

/// The lowest of a window: a queue that is emptied now and then is read.
fn receivers(timing: &Timing) -> String {
    let unread = format!(
        "min_over_time({}[{}])",
        series(&RECEIVE_QUEUE, &[not_other("process")]),
        timing.span(RATE)
    );
    format!(
        "{unread} >= {UNREAD_BYTES}\nand\n{unread}\n/ {} >= {UNREAD_BYTES_PER_CONNECTION}",
        connections()
    )
}

fn peers(timing: &Timing) -> String {
    let closed = format!(
        "min_over_time({}[{}])",
        series(&ZERO_WINDOW, &[not_other("process")]),
        timing.span(RATE)
    );
    format!(
        "{closed} >= {ZERO_WINDOW_CONNECTIONS}\nand\n{closed}\n/ {} >= {ZERO_WINDOW_RATIO}",
        connections()
    )
}

fn receivers_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term(
            "bytes",
            format!("{} KiB", UNREAD_BYTES / 1024.0),
            "unread bytes of one process, the lowest of the window",
        ),
        term(
            "each",
            format!("{} KiB", UNREAD_BYTES_PER_CONNECTION / 1024.0),
            "the same for each of its connections",
        ),
        term("window", timing.span(RATE), "the window"),
    ]
}

fn peers_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term(
            "count",
            ZERO_WINDOW_CONNECTIONS.to_string(),
            "connections of one process with a closed window, the lowest of the window",
        ),
        term("ratio", percent(ZERO_WINDOW_RATIO), "share of its connections"),
        term("window", timing.span(RATE), "the window"),
    ]
}
