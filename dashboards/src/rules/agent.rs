//! The agents themselves: an alert that cannot fire is worse than none.

use catalogue::metrics::agent::{
    CONNECTIONS_REFUSED, CONNECTIONS_TRACKED, CONNECTIONS_UNATTRIBUTED, EVENTS, EVENTS_LOST,
    LABEL_OVERFLOW, PROBE_ATTACHED, PROBE_INFO, RECONCILE_CORRECTIONS, RECONCILE_LAST_COMPLETED,
    TRANSITIONS,
};

use super::promql::{eq, rate, series, sum};
use super::{Alert, JOB, Severity, Term, percent, term};
use crate::threshold::{
    ANSWERED_RATIO, DRIFT_RATE, DRIFT_RATIO, EVENTS_LOST_RATE, EVENTS_LOST_RATIO,
    LABEL_OVERFLOW_RATE, UNATTRIBUTED_CONNECTIONS, UNATTRIBUTED_RATIO,
};
use crate::timing::{ANSWERED, FOR_AGENT, FOR_LONG, FOR_SHORT, KEEP, PASS_AGE, Timing};

const GROUP: &str = "tcpwarden-agent";

/// What all alerts of this file have in common.
const fn alert(
    name: &'static str,
    expr: fn(&Timing) -> String,
    summary: &'static str,
    description: &'static str,
) -> Alert {
    Alert {
        name,
        group: GROUP,
        severity: Severity::Warning,
        expr,
        hold: FOR_LONG,
        keep: KEEP,
        summary,
        description,
        terms: nothing,
        board: "tcpwarden-agent",
    }
}

pub(super) const ALL: &[Alert] = &[
    Alert {
        hold: FOR_SHORT,
        terms: down_terms,
        ..alert(
            "TcpwardenDown",
            down,
            "An agent does not answer, or only now and then, or none is known: its machine is not watched.",
            "{{ if $labels.instance }}The agent {{ $labels.instance }} ({{ $labels.job }}) does not answer, or answered at most [[share]] \
                of the scrapes of the last [[window]]{{ else }}Prometheus has no target \
                whose job has tcpwarden in its name{{ end }}: no other alert of tcpwarden can fire there.",
        )
    },
    Alert {
        hold: FOR_SHORT,
        terms: stalled_terms,
        ..alert(
            "TcpwardenPassesStalled",
            stalled,
            "An agent answers, but has stopped to look at the kernel's lists.",
            "The last complete pass of {{ $labels.instance }} was {{ $value | humanizeDuration }} ago, more than [[age]]: queues, backlogs, \
                ports and stages are as old, and nothing that was lost is put right.",
        )
    },
    Alert {
        terms: lost_terms,
        ..alert(
            "TcpwardenEventsLost",
            lost,
            "An agent loses records: its counters are too low.",
            "{{ $labels.instance }} loses {{ $value | humanizePercentage }} of its records, at least [[ratio]] and [[rate]]: counters are short \
                by as much; gauges are put right by the next pass.",
        )
    },
    Alert {
        hold: FOR_AGENT,
        terms: drift_terms,
        ..alert(
            "TcpwardenDriftFound",
            drift,
            "An agent's table keeps differing from the kernel's own list.",
            "Passes of {{ $labels.instance }} put right {{ printf `%.2f` $value }} rows a second, at least [[rate]] and [[ratio]] of the state \
                transitions: the agent misses some of what happens.",
        )
    },
    Alert {
        hold: FOR_SHORT,
        ..alert(
            "TcpwardenProbeDetached",
            detached,
            "A probe that this kernel supports is not attached.",
            "The probe {{ $labels.probe }} of {{ $labels.instance }} is not attached: what it feeds does not move, and alerts on it cannot fire.",
        )
    },
    Alert {
        hold: FOR_AGENT,
        terms: unattributed_terms,
        ..alert(
            "TcpwardenUnattributed",
            unattributed,
            "An agent does not know the owners of many connections.",
            "{{ $value | humanizePercentage }} of the connections of {{ $labels.instance }} have no known owner, at least [[ratio]] and [[count]]: \
                they stand under process=unknown.",
        )
    },
    Alert {
        severity: Severity::Info,
        hold: FOR_AGENT,
        terms: overflow_terms,
        ..alert(
            "TcpwardenLabelsOverflowing",
            overflowing,
            "An agent has used up a budget of labels: what comes late stands under ~other.",
            "On {{ $labels.instance }} {{ printf `%.2f` $value }} connections or rows a second find no place in the budget {{ $labels.family }} and \
                fall under ~other, at least [[rate]]: culprits among them have no name, and alerts on processes leave them out.",
        )
    },
    alert(
        "TcpwardenTableFull",
        refused,
        "An agent's connection table is full: new connections are not watched.",
        "{{ $labels.instance }} turns {{ printf `%.2f` $value }} connections a second away because its table is full.",
    ),
];

/// One that crashes and is started again answers in between, so that `for` would begin anew each
/// time. A share of less than the whole window says nothing: a machine that has just come may have
/// missed its first scrapes.
fn down(timing: &Timing) -> String {
    let up = format!("up{{job=~{JOB:?}}}");
    let window = timing.span(ANSWERED);
    format!(
        "{up} == 0\nor\navg_over_time({up}[{window}]) <= {ANSWERED_RATIO}\nand\n{up} offset {window}\nor\nabsent({up})"
    )
}

fn stalled(timing: &Timing) -> String {
    format!("time() - {} >= {}", series(&RECONCILE_LAST_COMPLETED, &[]), timing.seconds(PASS_AGE))
}

fn lost(timing: &Timing) -> String {
    let lost = sum(&["ring"], &rate(&EVENTS_LOST, &[], timing));
    let applied = sum(&["event"], &rate(&EVENTS, &[], timing));
    format!(
        "{lost}\n/ ({applied} + {lost}) >= {EVENTS_LOST_RATIO}\nand\n{lost} >= {EVENTS_LOST_RATE}"
    )
}

fn drift(timing: &Timing) -> String {
    let corrections = sum(&["kind"], &rate(&RECONCILE_CORRECTIONS, &[], timing));
    let transitions = sum(&["old", "new"], &rate(&TRANSITIONS, &[], timing));
    format!("{corrections} >= {DRIFT_RATE}\nand\n{corrections}\n/ {transitions} >= {DRIFT_RATIO}")
}

/// Unsupported is no fault: an older kernel has fewer hooks.
fn detached(_timing: &Timing) -> String {
    let unsupported = series(&PROBE_INFO, &[eq("state", "unsupported")]);
    format!("{} == 0\nunless ignoring (state)\n{unsupported}", series(&PROBE_ATTACHED, &[]))
}

fn unattributed(_timing: &Timing) -> String {
    let (without, all) =
        (series(&CONNECTIONS_UNATTRIBUTED, &[]), series(&CONNECTIONS_TRACKED, &[]));
    format!(
        "{without} / {all} >= {UNATTRIBUTED_RATIO}\nand\n{without} >= {UNATTRIBUTED_CONNECTIONS}"
    )
}

fn overflowing(timing: &Timing) -> String {
    format!("{} >= {LABEL_OVERFLOW_RATE}", rate(&LABEL_OVERFLOW, &[], timing))
}

fn refused(timing: &Timing) -> String {
    format!("{} > 0", rate(&CONNECTIONS_REFUSED, &[], timing))
}

fn nothing(_timing: &Timing) -> Vec<Term> {
    Vec::new()
}

fn down_terms(timing: &Timing) -> Vec<Term> {
    vec![
        term(
            "share",
            percent(ANSWERED_RATIO),
            "share of the scrapes that the agent answers, if it answers at all",
        ),
        term("window", timing.span(ANSWERED), "the scrapes of so long"),
    ]
}

fn stalled_terms(timing: &Timing) -> Vec<Term> {
    vec![term(
        "age",
        timing.span(PASS_AGE),
        "time since the last complete pass, which comes each `--reconcile-interval`, 30 s",
    )]
}

fn lost_terms(_timing: &Timing) -> Vec<Term> {
    vec![
        term("ratio", percent(EVENTS_LOST_RATIO), "share of records that are lost"),
        term("rate", format!("{EVENTS_LOST_RATE} a second"), "records that are lost"),
    ]
}

fn drift_terms(_timing: &Timing) -> Vec<Term> {
    vec![
        term("rate", format!("{DRIFT_RATE} a second"), "corrections by passes"),
        term("ratio", percent(DRIFT_RATIO), "corrections per state transition"),
    ]
}

fn unattributed_terms(_timing: &Timing) -> Vec<Term> {
    vec![
        term("ratio", percent(UNATTRIBUTED_RATIO), "share of the rows without an owner"),
        term("count", UNATTRIBUTED_CONNECTIONS.to_string(), "rows without an owner"),
    ]
}

fn overflow_terms(_timing: &Timing) -> Vec<Term> {
    vec![term(
        "rate",
        format!("{LABEL_OVERFLOW_RATE} a second"),
        "connections and rows that fall under `~other` because one budget is used up",
    )]
}
