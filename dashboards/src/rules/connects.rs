//! Clients: connects that fail, are slow, are tried again, or are made for every request.

use catalogue::labels::{ConnectFailure, Phase, Role};
use catalogue::metrics::lifecycle::{
    CONNECT_DURATION, CONNECT_FAILURES, CONNECTION_DURATION, CONNECTIONS_OPENED,
    RETRANSMITTED_SEGMENTS,
};

use super::promql::{
    OWNER, eq, indent, max, most, ne, none_of, not_other, observed, rate, sum, up_to,
};
use super::{Alert, Severity, Term, percent, term};
use crate::threshold::{
    CHURN_RATE, CHURN_RATIO, CHURN_SECONDS, CONNECT_CANCELED_RATIO, CONNECT_FAILURE_RATE,
    CONNECT_FAILURE_RATIO, CONNECT_SLOW_RATE, CONNECT_SLOW_RATIO, CONNECT_SLOW_SECONDS,
    SYN_RETRANSMIT_RATE, SYN_RETRANSMIT_RATIO,
};
use crate::timing::{FOR_LONG, FOR_SHORT, KEEP, Timing};

const GROUP: &str = "tcpwarden-connects";
const BOARD: &str = "tcpwarden-services";

pub(super) const ALL: &[Alert] = &[
    Alert {
        name: "TcpConnectFailures",
        group: GROUP,
        severity: Severity::Warning,
        expr: failures,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A client fails to connect to a service.",
        description: "{{ $value | humanizePercentage }} of the connects of {{ $labels.process }} ({{ $labels.workload }}) on \
            {{ $labels.instance }} to one service fail[[port]][[why]]; the limit is [[ratio]] of them (given up by the program itself: [[canceled]]) and [[rate]].",
        terms: failures_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpConnectSlow",
        group: GROUP,
        severity: Severity::Warning,
        expr: slow,
        hold: FOR_LONG,
        keep: KEEP,
        summary: "Connects of a client succeed, but late.",
        description: "{{ $value | humanizePercentage }} of the connects of {{ $labels.process }} ({{ $labels.workload }}) on \
            {{ $labels.instance }} to one service take longer than [[seconds]][[port]]; the limit is [[ratio]] of them and [[rate]].",
        terms: slow_terms,
        board: BOARD,
    },
    Alert {
        name: "TcpSynRetransmits",
        group: GROUP,
        severity: Severity::Warning,
        expr: syn_retransmits,
        hold: FOR_SHORT,
        keep: KEEP,
        summary: "A client sends SYNs again and again: nobody answers the first.",
        description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} sends {{ printf `%.2f` $value }} SYNs a second \
            again; the limit is [[rate]] and, where its connects are known, [[ratio]] of them. They get no answer, and each costs a second or more[[port]].",
        terms: syn_terms,
        board: "tcpwarden-network",
    },
    Alert {
        name: "TcpConnectionChurn",
        group: GROUP,
        severity: Severity::Info,
        expr: churn,
        hold: FOR_LONG,
        keep: KEEP,
        summary: "A client opens a connection for every request instead of keeping some.",
        description: "{{ $labels.process }} ({{ $labels.workload }}) on {{ $labels.instance }} opens {{ printf `%.2f` $value }} connections a \
            second to one service[[port]], at least [[rate]], and at least [[ratio]] of them live no longer than [[seconds]]: no pool, or one \
            that is not used.",
        terms: churn_terms,
        board: BOARD,
    },
];

/// Neither a process that is gone nor ports that share a label: a share of such a mix is nobody's.
fn one_service() -> [String; 2] {
    [not_other("process"), not_other("port")]
}

/// Connects that reached the other side. Where the birth was not seen, the role is unknown.
fn opened(timing: &Timing) -> String {
    let [process, port] = one_service();
    sum(
        &["role"],
        &rate(&CONNECTIONS_OPENED, &[ne("role", Role::Server.as_str()), process, port], timing),
    )
}

/// Failed connects, of these reasons.
fn failed(reason: Option<String>, timing: &Timing) -> String {
    let matchers: Vec<String> = reason.into_iter().chain(one_service()).collect();
    sum(&["reason"], &rate(&CONNECT_FAILURES, &matchers, timing))
}

/// What the program gave up is judged by itself; that no local port is left has an alert of its
/// own.
fn failures(timing: &Timing) -> String {
    let (canceled, no_port) =
        (ConnectFailure::Canceled.as_str(), ConnectFailure::NoLocalPort.as_str());
    let attempts = format!("({} + {})", opened(timing), failed(None, timing));
    let share = |failed: &str, ratio: f64| {
        let both =
            format!("{failed}\n/ {attempts} >= {ratio}\nand\n{failed} >= {CONNECT_FAILURE_RATE}");
        format!("(\n{}\n)", indent(&both))
    };
    let refused = share(
        &failed(Some(none_of("reason", &[canceled, no_port])), timing),
        CONNECT_FAILURE_RATIO,
    );
    let given_up = share(&failed(Some(eq("reason", canceled)), timing), CONNECT_CANCELED_RATIO);
    max(&["port"], &format!("{refused}\nor\n{given_up}"))
}

fn slow(timing: &Timing) -> String {
    let all = observed(&CONNECT_DURATION, &one_service(), timing);
    let late = format!(
        "({all} - {})",
        up_to(&CONNECT_DURATION, CONNECT_SLOW_SECONDS, &one_service(), timing)
    );
    max(
        &["port"],
        &format!("{late}\n/ {all} >= {CONNECT_SLOW_RATIO}\nand\n{late} >= {CONNECT_SLOW_RATE}"),
    )
}

/// Attempts under way are not counted yet: with none finished the share is infinite, as it should
/// be. A process that has no place in the budget of services has no attempts at all in the metrics:
/// its rate is judged alone.
fn syn_retransmits(timing: &Timing) -> String {
    let syn = [eq("phase", Phase::Syn.as_str()), not_other("process")];
    let again = sum(&["role", "phase", "kind"], &rate(&RETRANSMITTED_SEGMENTS, &syn, timing));
    let opened = rate(
        &CONNECTIONS_OPENED,
        &[ne("role", Role::Server.as_str()), not_other("process")],
        timing,
    );
    let failed = rate(&CONNECT_FAILURES, &[not_other("process")], timing);
    let attempts =
        format!("({} + {})", sum(&["role", "port"], &opened), sum(&["port", "reason"], &failed));
    let share =
        format!("{again}\n/ {attempts} >= {SYN_RETRANSMIT_RATIO}\nor\n{again}\nunless\n{attempts}");
    format!("{again} >= {SYN_RETRANSMIT_RATE}\nand (\n{}\n)", indent(&share))
}

fn churn(timing: &Timing) -> String {
    let client: Vec<String> =
        [eq("role", Role::Client.as_str())].into_iter().chain(one_service()).collect();
    let opened = rate(&CONNECTIONS_OPENED, &client, timing);
    let short = up_to(&CONNECTION_DURATION, CHURN_SECONDS, &client, timing);
    let all = observed(&CONNECTION_DURATION, &client, timing);
    max(
        &["port", "role"],
        &format!("{opened} >= {CHURN_RATE}\nand\n{short}\n/ {all} >= {CHURN_RATIO}"),
    )
}

fn failures_terms(timing: &Timing) -> Vec<Term> {
    let failed =
        |label, text| most(label, &rate(&CONNECT_FAILURES, &[OWNER.to_owned()], timing), text);
    vec![
        term("port", failed("port", ", most towards port"), ""),
        term("why", failed("reason", ", mostly"), ""),
        term(
            "rate",
            format!("{CONNECT_FAILURE_RATE} a second"),
            "failed connects of one process to one port",
        ),
        term(
            "ratio",
            percent(CONNECT_FAILURE_RATIO),
            "share of its connects to that port that fail",
        ),
        term(
            "canceled",
            percent(CONNECT_CANCELED_RATIO),
            "share of its connects to that port that the program gives up",
        ),
    ]
}

fn slow_terms(timing: &Timing) -> Vec<Term> {
    let owner = [OWNER.to_owned()];
    let late = format!(
        "{} - {}",
        observed(&CONNECT_DURATION, &owner, timing),
        up_to(&CONNECT_DURATION, CONNECT_SLOW_SECONDS, &owner, timing)
    );
    vec![
        term("port", most("port", &late, ", most towards port"), ""),
        term(
            "seconds",
            format!("{CONNECT_SLOW_SECONDS} s"),
            "time from the first SYN to ESTABLISHED from which a connect is slow",
        ),
        term(
            "ratio",
            percent(CONNECT_SLOW_RATIO),
            "share of the connects of one process to one port that are slow",
        ),
        term("rate", format!("{CONNECT_SLOW_RATE} a second"), "slow connects"),
    ]
}

fn syn_terms(timing: &Timing) -> Vec<Term> {
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
        term("rate", format!("{SYN_RETRANSMIT_RATE} a second"), "SYNs sent again by one process"),
        term(
            "ratio",
            percent(SYN_RETRANSMIT_RATIO),
            "SYNs sent again per connect that came to an end",
        ),
    ]
}

fn churn_terms(timing: &Timing) -> Vec<Term> {
    let client = [eq("role", Role::Client.as_str()), OWNER.to_owned()];
    vec![
        term(
            "port",
            most("port", &rate(&CONNECTIONS_OPENED, &client, timing), ", most towards port"),
            "",
        ),
        term(
            "rate",
            format!("{CHURN_RATE} a second"),
            "connections that one process opens to one port",
        ),
        term("ratio", percent(CHURN_RATIO), "share of its connections to that port that are short"),
        term("seconds", format!("{CHURN_SECONDS} s"), "life up to which a connection is short"),
    ]
}
