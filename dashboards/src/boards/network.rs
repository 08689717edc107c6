//! Network quality: what is retransmitted and why, who resets, how far peers are, who does not
//! read.

mod retransmits;

use catalogue::labels::CloseReason;
use catalogue::metrics::agent::PROCESS_START_TIME;
use catalogue::metrics::lifecycle::{
    CONNECTION_SRTT, CONNECTIONS_CLOSED, RESETS_RECEIVED, RESETS_SENT, RETRANSMITTED_SEGMENTS,
};
use catalogue::metrics::pressure::{RECEIVE_QUEUE, SEND_QUEUE, ZERO_WINDOW};

use super::draft::Draft;
use super::promql::{Scope, max, quantile, sum, top, where_in, where_targets};
use super::shared::{self, ALL, NETWORK, texts};
use super::{Open, Plan, Section, Shown};
use crate::alerts::tcp_peers_not_reading::ZERO_WINDOW_CONNECTIONS;
use crate::alerts::tcp_receivers_not_reading::UNREAD_BYTES;
use crate::alerts::tcp_reset_storm::{RESET_RATE, RESET_RATIO};
use crate::alerts::tcp_retransmit_ratio_high::RETRANSMIT_RATIO;
use crate::alerts::tcp_syn_retransmits::SYN_RETRANSMIT_RATE;
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;

const SCOPE: Scope = Scope(&["workload", "process"]);

pub(super) fn plan() -> Plan {
    Plan {
        uid: NETWORK,
        title: "Network quality",
        description: "What is retransmitted, in which phase and why; who resets; how far peers \
                      are; who does not read.",
        variables: vec![shared::workload(), shared::process()],
        sections: vec![
            Section { id: 1, title: "Now", open: Open::Yes, panels: now() },
            Section {
                id: 2,
                title: "Retransmitted",
                open: Open::Yes,
                panels: [retransmits::causes(), retransmits::senders()].concat(),
            },
            Section { id: 3, title: "Resets", open: Open::Yes, panels: resets() },
            Section { id: 4, title: "Round trips", open: Open::Yes, panels: round_trips() },
            Section { id: 5, title: "Who does not read", open: Open::Yes, panels: queues() },
        ],
    }
}

/// The share of segments that were retransmitted, SYNs excluded; of whole hosts, since the kernel
/// counts what it sends by network namespace. Recorded, because it takes every group of a host.
/// Where little but repetitions goes out the share can be beyond one, since the two are not counted
/// at the same moments: it is shown as one. Just after an agent's start, before what was sent has
/// been read a second time, it says nothing: it is not shown. Nor is it where nothing was sent
/// (NaN).
pub(super) fn retransmit_ratio(by: &str) -> String {
    let ratio = ALL.recorded("tcpwarden:instance:retransmit_ratio:rate", "");
    let started = ALL.of(&PROCESS_START_TIME, "");
    let settled = format!("({started} <= timestamp({started} offset $__rate_interval))");
    max(by, &where_targets(&format!("clamp_max({ratio} >= 0, 1)"), &settled))
}

fn now() -> Vec<Draft> {
    let syns = max(
        "",
        &sum("instance, workload, process", &SCOPE.rate(&RETRANSMITTED_SEGMENTS, r#"phase="syn""#)),
    );
    vec![
        Draft::stat(11, "Retransmitted", Unit::Share)
            .about(
                "The share of segments that were retransmitted, SYNs excluded; of the worst host, \
                 from the recording rules.",
                "Above the limit: the path loses packets.",
                &["TcpRetransmitRatioHigh"],
                "The panels below tell whose and why.",
            )
            .size(6, 4)
            .limits(Thresholds::warning(RETRANSMIT_RATIO))
            .no_value("are the recording rules loaded?")
            .ask(retransmit_ratio(""), "", Shown::In("lossy-link")),
        Draft::stat(12, "SYNs retransmitted", Unit::Segments)
            .about(
                "SYNs that got no answer and were retransmitted, of the process with the most.",
                "Above the limit: a host or firewall swallows them, or an accept queue is full.",
                &[],
                "Services names the process and the port that does not answer.",
            )
            .size(6, 4)
            .limits(Thresholds::warning(SYN_RETRANSMIT_RATE))
            .ask(syns, "", Shown::In("black-hole")),
        Draft::stat(13, "Resets sent", Unit::Resets)
            .about(
                "Resets that the selected hosts sent.",
                "Hundreds: programs abort, or something knocks on closed ports.",
                &["TcpResetStorm"],
                "See the table of resets by process.",
            )
            .size(6, 4)
            .spark()
            .ask(sum("", &SCOPE.rate(&RESETS_SENT, "")), "", Shown::In("rst-storm")),
        Draft::stat(14, "Resets received", Unit::Resets)
            .about(
                "Received resets that ended a connection or an attempt.",
                "A steady number: peers refuse or abort.",
                &["TcpResetStorm", "TcpConnectFailures"],
                "See the table of resets by process.",
            )
            .size(6, 4)
            .spark()
            .ask(sum("", &SCOPE.rate(&RESETS_RECEIVED, "")), "", Shown::In("rst-storm")),
    ]
}

fn resets() -> Vec<Draft> {
    let by = "instance, workload, process, role, port";
    let reset = sum(by, &SCOPE.rate(&CONNECTIONS_CLOSED, r#"reason=~"rst_sent|rst_received""#));
    let all = sum(by, &SCOPE.rate(&CONNECTIONS_CLOSED, ""));
    let mut columns = shared::who();
    columns.push(shared::column("role", "Side"));
    columns.push(shared::column("port", "Port"));
    columns.push(shared::judged(
        "Value #A",
        "Resets/s",
        Unit::Count,
        &Thresholds::warning(RESET_RATE),
    ));
    columns.push(shared::judged(
        "Value #B",
        "Share",
        Unit::Share,
        &Thresholds::warning(RESET_RATIO),
    ));
    vec![
        Draft::graph(31, "How connections end", Unit::Connections)
            .about(
                "Ends of connections by what ended them: a FIN of this side, of the peer, a reset, \
                 a timeout.",
                "rst_sent: a program here aborts. rst_received: peers do. timeout: peers vanished.",
                &["TcpResetStorm"],
                "The table beside names the process.",
            )
            .size(8, 8)
            .ask(
                sum("reason", &SCOPE.rate(&CONNECTIONS_CLOSED, "")),
                "{{reason}}",
                Shown::In("rst-storm"),
            )
            .colored(&texts(CloseReason::ALL, CloseReason::as_str)),
        Draft::table(32, "Whose connections end by a reset", "Resets/s")
            .about(
                "Processes by connections that a reset of either side ended, and the share of all \
                 ends.",
                "A share near 100 % of a service that answers requests.",
                &[],
                "rst_sent: look for linger 0, or a close with unread data. rst_received: look at \
                 the peer, or at a middlebox that forgot the flow.",
            )
            .size(16, 8)
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(top(&reset), "", Shown::In("rst-storm"))
            .ask(
                where_in(&format!("{reset} / {all}"), by, &top(&reset)),
                "",
                Shown::In("rst-storm"),
            ),
    ]
}

fn round_trips() -> Vec<Draft> {
    let buckets = SCOPE.buckets(&CONNECTION_SRTT, "");
    vec![
        Draft::heatmap(41, "Round-trip time, all", Unit::Seconds)
            .about(
                "Smoothed round-trip time of connections when they ended.",
                "A band that moves up: a longer way, or queues on it.",
                &["TcpConnectSlow"],
                "Choose the process above to see whose.",
            )
            .no_value("none ended")
            .ask(sum("le", &buckets), "{{le}}", Shown::In("no-pool")),
        Draft::graph(42, "Round-trip time", Unit::Seconds)
            .about(
                "The same as lines.",
                "A median that rises: distance. Only the 99th percentile: queues or a few far \
                 peers.",
                &["TcpConnectSlow"],
                "Compare with Connect time on Services.",
            )
            .ask(quantile(0.5, "", &buckets), "median", Shown::In("no-pool"))
            .ask(quantile(0.99, "", &buckets), "99 %", Shown::In("no-pool"))
            .colored(&["median", "99 %"]),
    ]
}

fn queues() -> Vec<Draft> {
    let by = |metric| top(&sum("instance, workload, process, role", &SCOPE.of(metric, "")));
    let name = "{{process}} ({{workload}}) {{role}} {{instance}}";
    vec![
        Draft::graph(51, "Peers with a closed window", Unit::Count)
            .about(
                "Connections with bytes to send whose peer has closed its window: the peer does \
                 not read.",
                "Above the line: memory is held here for somebody who is stuck.",
                &[],
                "`tcpwarden connections --process NAME --state established` shows the peers.",
            )
            .size(8, 8)
            .named()
            .limits(Thresholds::warning(ZERO_WINDOW_CONNECTIONS))
            .link(shared::to_leaks())
            .ask(by(&ZERO_WINDOW), name, Shown::In("slow-reader")),
        Draft::graph(52, "Bytes not acknowledged", Unit::Bytes)
            .about(
                "Bytes that peers have not acknowledged, sent or not.",
                "A line that grows and never falls.",
                &["TcpPeersNotReading"],
                "With closed windows beside: the peer does not read. Without: the path is slow.",
            )
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(by(&SEND_QUEUE), name, Shown::In("slow-reader")),
        Draft::graph(53, "Bytes not read", Unit::Bytes)
            .about(
                "Bytes that have arrived and that applications here have not read.",
                "A line above the limit that never falls: the reader is stuck.",
                &[],
                "Take a stack of the process.",
            )
            .size(8, 8)
            .named()
            .limits(Thresholds::warning(UNREAD_BYTES))
            .link(shared::to_leaks())
            .ask(by(&RECEIVE_QUEUE), name, Shown::In("slow-reader")),
    ]
}
