//! Servers that do not accept as fast as clients come.

use catalogue::metrics::pressure::{LISTEN_BACKLOG_USED, LISTEN_DROPS, LISTEN_OVERFLOWS};

use super::promql::{OWNER, and, indent, most, not_other, rate, series};
use super::{Alert, Severity, Term, percent, term};
use crate::threshold::{ACCEPT_DROPS_RATE, OVERFLOWING_BACKLOG_RATIO, USED_RATIO_WARNING};
use crate::timing::{FOR_SHORT, KEEP, RATE, Timing};

const GROUP: &str = "tcpwarden-listeners";
const BOARD: &str = "tcpwarden-services";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpListenBacklogNearLimit",
        group: GROUP,
        severity: Severity::Warning,
        expr: backlog,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "The accept queue of a listener is nearly full all the time.",
        description: "The fullest accept queue of {{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} is at \
            {{ $value | humanizePercentage }}[[port]], at least [[used]]: connections wait for the process; when it is full, the kernel drops them.",
        terms: backlog_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpAcceptQueueOverflowing",
        group: GROUP,
        severity: Severity::Critical,
        expr: overflowing,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A listener drops connections because its accept queue is full.",
        description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} drops {{ printf `%.2f` $value }} segments a second \
            at its listeners[[port]] while accept queues overflow, both at least [[rate]], and its own were [[filled]] full or more: clients \
            wait a second or more for each connect, or fail.",
        terms: overflowing_terms,
        board: BOARD,
    },
];

fn backlog(_timing: &Timing) -> String {
    format!("max without (port) ({}) >= {USED_RATIO_WARNING}", series(&LISTEN_BACKLOG_USED, &[]))
}

/// The kernel counts overflows by namespace, any of them, and drops, for whatever reason, by
/// listener. Both together name the culprit, if its own queue was seen filled: others drop for
/// other reasons while it overflows.
fn overflowing(timing: &Timing) -> String {
    let drops = rate(&LISTEN_DROPS, &[not_other("process")], timing);
    let filled = format!(
        "max_over_time({}[{}]) >= {OVERFLOWING_BACKLOG_RATIO}",
        series(&LISTEN_BACKLOG_USED, &[]),
        timing.span(RATE)
    );
    let drops = format!("sum without (port) (\n{}\n)", indent(&and(&drops, &[], &filled)));
    let overflows = rate(&LISTEN_OVERFLOWS, &[], timing);
    format!(
        "{drops} >= {ACCEPT_DROPS_RATE}\nand on (job, instance)\nsum by (job, instance) ({overflows}) >= {ACCEPT_DROPS_RATE}"
    )
}

fn backlog_terms(_timing: &Timing) -> Vec<Term> {
    let used = series(&LISTEN_BACKLOG_USED, &[OWNER.to_owned()]);
    vec![
        term("port", most("port", &used, " on port"), ""),
        term(
            "used",
            percent(USED_RATIO_WARNING),
            "share of the accept queue that is taken, of the fullest listener",
        ),
    ]
}

fn overflowing_terms(timing: &Timing) -> Vec<Term> {
    let drops = rate(&LISTEN_DROPS, &[OWNER.to_owned()], timing);
    vec![
        term("port", most("port", &drops, ", most on port"), ""),
        term(
            "rate",
            format!("{ACCEPT_DROPS_RATE} a second"),
            "drops of one process' listeners, and overflows on the machine",
        ),
        term(
            "filled",
            percent(OVERFLOWING_BACKLOG_RATIO),
            "share of the listener's accept queue that was taken at one look at least",
        ),
    ]
}
