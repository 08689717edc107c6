//! Services: do listeners accept, do connects succeed and how fast, are connections used again?

use catalogue::labels::ConnectFailure;
use catalogue::labels::OTHER;
use catalogue::metrics::lifecycle::{
    CONNECT_DURATION, CONNECT_FAILURES, CONNECTION_DURATION, CONNECTION_RECEIVED_BYTES,
    CONNECTION_SENT_BYTES, CONNECTIONS_OPENED, SYNACK_RETRANSMITS,
};
use catalogue::metrics::pressure::{
    LISTEN_BACKLOG, LISTEN_BACKLOG_LIMIT, LISTEN_BACKLOG_USED, LISTEN_DROPS, LISTEN_NETNS_DROPS,
    LISTEN_OVERFLOWS, LISTEN_SOCKETS, LISTEN_SYN_QUEUE,
};

use super::draft::Draft;
use super::promql::{Scope, max, quantile, sum, top, where_in};
use super::shared::{self, SERVICES};
use super::{Open, Plan, Section, Shown};
use crate::alerts::tcp_accept_queue_overflowing::ACCEPT_DROPS_RATE;
use crate::alerts::tcp_connect_failures::CONNECT_FAILURE_RATIO;
use crate::alerts::tcp_connect_slow::CONNECT_SLOW_SECONDS;
use crate::alerts::tcp_connection_churn::{CHURN_RATE, CHURN_RATIO, CHURN_SECONDS};
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;
use crate::grafana::variable::Variable;
use crate::threshold::{USED_RATIO_CRITICAL, USED_RATIO_WARNING};

const SCOPE: Scope = Scope(&["workload", "process", "port"]);
/// What a row of the tables is about.
const BY: &str = "instance, workload, process, port";

pub(super) fn plan() -> Plan {
    let ports = shared::values(Scope(&["workload", "process"]), &CONNECTIONS_OPENED, "port");
    Plan {
        uid: SERVICES,
        title: "Services",
        description: "Do listeners accept, do connects succeed and how fast, are connections used \
            again: by process and port.",
        variables: vec![
            shared::workload(),
            shared::process(),
            Variable::label(
                "port",
                "Port",
                "The service port: local for servers, remote for clients.",
                ports,
            ),
        ],
        sections: vec![
            Section { id: 1, title: "Listeners", open: Open::Yes, panels: listeners() },
            Section { id: 2, title: "Connects", open: Open::Yes, panels: connects() },
            Section { id: 3, title: "Pooling", open: Open::Yes, panels: pooling() },
            Section {
                id: 4,
                title: "More of listeners and connections",
                open: Open::OnClick,
                panels: more(),
            },
        ],
    }
}

fn listeners() -> Vec<Draft> {
    let used = || Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL);
    let fullest = format!("topk(10, {})", max(BY, &SCOPE.of(&LISTEN_BACKLOG_USED, "")));
    let of = |metric| where_in(&sum(BY, &SCOPE.of(metric, "")), BY, &fullest);
    let mut columns = shared::who();
    columns.push(shared::column("port", "Port"));
    columns.push(shared::judged("Value #A", "Queue used", Unit::Share, &used()));
    columns.push(shared::number("Value #B", "Waiting", Unit::Digits));
    columns.push(shared::number("Value #C", "Limit", Unit::Digits));
    columns.push(shared::number("Value #D", "Drops/s", Unit::PerSecond));
    vec![
        Draft::table(11, "Listeners by use of their accept queue", "Queue used")
            .about("The ten fullest accept queues: connections that wait to be accepted, the \
                limit, and what the listener \
                dropped.", "Near 100 %, with drops: the process does not accept fast enough, or \
                    hangs.", &["TcpListenBacklogNearLimit", "TcpAcceptQueueOverflowing"], "Take a stack of the process; if it is merely slow, give it more workers before a larger backlog.")
            .size(24, 7)
            .columns(columns, &["Time"])
            .ask(fullest.clone(), "", Shown::In("stuck-listener"))
            .ask(of(&LISTEN_BACKLOG), "", Shown::In("stuck-listener"))
            .ask(of(&LISTEN_BACKLOG_LIMIT), "", Shown::Always)
            .ask(where_in(&sum(BY, &SCOPE.rate(&LISTEN_DROPS, "")), BY, &fullest), "", Shown::In("stuck-listener")),
        Draft::graph(12, "Accept queue used", Unit::Share)
            .about("How full the accept queues are; the kernel drops what comes above 100 \
                %.", "A line that stays near 100 \
                    %.", &["TcpListenBacklogNearLimit", "TcpCloseWaitUnaccepted"], "The process \
                        does not accept: look for a stuck thread.")
            .size(8, 8)
            .named()
            .limits(used())
            .link(shared::to_leaks())
            .ask(fullest.clone(), "{{process}} :{{port}} \
                {{instance}}", Shown::In("stuck-listener")),
        Draft::graph(13, "Overflows and drops, by network namespace", Unit::PerSecond)
            .about("Connections refused because an accept queue was full, and SYNs dropped for \
                any reason, as the kernel counts them for a whole network \
                namespace.", "Above the line: clients wait seconds for retransmitted \
                    SYNs.", &["TcpAcceptQueueOverflowing"], "The table above names the listener.")
            .size(8, 8)
            .limits(Thresholds::critical(ACCEPT_DROPS_RATE))
            .ask(top(&sum("instance, \
                netns", &SCOPE.rate(&LISTEN_OVERFLOWS, ""))), "overflows {{instance}} \
                    {{netns}}", Shown::In("stuck-listener"))
            .ask(top(&sum("instance, \
                netns", &SCOPE.rate(&LISTEN_NETNS_DROPS, ""))), "drops {{instance}} \
                    {{netns}}", Shown::In("stuck-listener")),
        Draft::graph(14, "Drops by listener", Unit::PerSecond)
            .about("SYNs, handshakes and other segments that a listener \
                dropped.", "Any steady \
                    line.", &["TcpAcceptQueueOverflowing"], "See the listener's queue above.")
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(top(&sum("workload, process, \
                port", &SCOPE.rate(&LISTEN_DROPS, ""))), "{{process}} \
                    :{{port}}", Shown::In("stuck-listener")),
    ]
}

/// The share of connects that fail as the alert has it: what the program gave up has a limit of its
/// own and a connect without a local port an alert of its own, and ports that share a label are no
/// service.
fn failing_share() -> String {
    let service = format!(r#"port!="{OTHER}""#);
    let (canceled, no_port) =
        (ConnectFailure::Canceled.as_str(), ConnectFailure::NoLocalPort.as_str());
    let judged = sum(
        BY,
        &SCOPE.rate(&CONNECT_FAILURES, &format!(r#"reason!~"{canceled}|{no_port}", {service}"#)),
    );
    let failed = sum(BY, &SCOPE.rate(&CONNECT_FAILURES, &service));
    let opened =
        sum(BY, &SCOPE.rate(&CONNECTIONS_OPENED, &format!(r#"role!="server", {service}"#)));
    format!("{judged} / ({opened} + {failed})")
}

fn connects() -> Vec<Draft> {
    let buckets = SCOPE.buckets(&CONNECT_DURATION, "");
    let failed = sum(BY, &SCOPE.rate(&CONNECT_FAILURES, ""));
    let mut columns = shared::who();
    columns.push(shared::column("port", "To port"));
    columns.push(shared::number("Value #A", "Failures/s", Unit::PerSecond));
    columns.push(shared::judged(
        "Value #B",
        "Share",
        Unit::Share,
        &Thresholds::warning(CONNECT_FAILURE_RATIO),
    ));
    let duration = Draft::graph(22, "Connect time", Unit::Seconds)
        .about(
            "Time from the first SYN to ESTABLISHED, of connects that succeeded; the line is \
             where slow begins.",
            "A 99th percentile at 1, 3 or 7 s: SYNs are lost and retransmitted.",
            &["TcpConnectSlow", "TcpSynRetransmits"],
            "Retransmits of SYNs stand on Network quality; a full accept queue of the server does \
             the same.",
        )
        .size(8, 8)
        .limits(Thresholds::warning(CONNECT_SLOW_SECONDS));
    vec![
        Draft::heatmap(21, "Connect time, all", Unit::Seconds)
            .about(
                "How long connects took, by bucket; the colour is how many a second.",
                "A second band at one second or more: SYNs retransmitted.",
                &["TcpConnectSlow"],
                "Choose the process and port above to see whose.",
            )
            .size(8, 8)
            .no_value("no connects")
            .ask(sum("le", &buckets), "{{le}}", Shown::In("no-pool")),
        [0.5, 0.95, 0.99].into_iter().zip(["median", "95 %", "99 %"]).fold(
            duration.colored(&["median", "95 %", "99 %"]),
            |panel, (share, name)| {
                panel.ask(quantile(share, "", &buckets), name, Shown::In("no-pool"))
            },
        ),
        Draft::graph(23, "Connect failures by reason", Unit::PerSecond)
            .about(
                "Connects that failed, by reason.",
                "refused: nothing listens there. timed_out: packets vanish. canceled: the program \
                 gave up. no_local_port: see Capacity.",
                &["TcpConnectFailures"],
                "The table below names the process and the port.",
            )
            .size(8, 8)
            .ask(
                sum("reason", &SCOPE.rate(&CONNECT_FAILURES, "")),
                "{{reason}}",
                Shown::In("refused"),
            )
            .colored(&shared::failures()),
        Draft::table(24, "Who fails to connect, and to which port", "Failures/s")
            .about(
                "The processes with the most failed connects, by port of the peer. The share \
                 leaves out what the program gave up (canceled) and what found no local port.",
                "A share of 100 %: the service behind the port is gone.",
                &["TcpConnectFailures"],
                "`tcpwarden connections --state syn_sent` shows the peers that do not answer.",
            )
            .no_value("none")
            .size(24, 7)
            .columns(columns, &["Time"])
            .ask(top(&failed), "", Shown::In("refused"))
            .ask(where_in(&failing_share(), BY, &top(&failed)), "", Shown::In("refused")),
    ]
}

fn pooling() -> Vec<Draft> {
    let opened = sum(BY, &SCOPE.rate(&CONNECTIONS_OPENED, r#"role="client""#));
    let busiest = top(&opened);
    // A process whose connections all last has no share, and NaN in a cell would look like a fault.
    let short = format!(
        "({} / {}) >= 0",
        sum(
            BY,
            &SCOPE
                .buckets(&CONNECTION_DURATION, &format!(r#"role="client", le="{CHURN_SECONDS}""#))
        ),
        sum(BY, &SCOPE.count(&CONNECTION_DURATION, r#"role="client""#))
    );
    let mut columns = shared::who();
    columns.push(shared::column("port", "To port"));
    columns.push(shared::judged(
        "Value #A",
        "Connects/s",
        Unit::PerSecond,
        &Thresholds::warning(CHURN_RATE),
    ));
    columns.push(shared::judged(
        "Value #B",
        "Short-lived",
        Unit::Share,
        &Thresholds::warning(CHURN_RATIO),
    ));
    vec![
        Draft::table(31, "Who could use connections again", "Connects/s")
            .about(
                "The processes that connect most, by port of the peer, and the share of their \
                connections that lived no longer than half a \
                second.",
                "Many connects, nearly all short: one handshake for each request, and a \
                    TIME_WAIT that holds a local port for a \
                    minute.",
                &["TcpConnectionChurn"],
                "Turn on keep-alive or a pool in that \
                        client; a proxy towards many clients may be right as it is.",
            )
            .size(24, 7)
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(busiest.clone(), "", Shown::In("no-pool"))
            .ask(where_in(&short, BY, &busiest), "", Shown::In("no-pool")),
        Draft::graph(32, "Connects a second", Unit::PerSecond)
            .about(
                "Connections that clients opened, by process and port of the \
                peer.",
                "Above the line with short lives \
                    beside.",
                &["TcpConnectionChurn"],
                "See the table above.",
            )
            .named()
            .limits(Thresholds::warning(CHURN_RATE))
            .link(shared::to_leaks())
            .ask(
                top(&sum(BY, &SCOPE.rate(&CONNECTIONS_OPENED, r#"role="client""#))),
                "{{process}} to :{{port}} {{instance}}",
                Shown::In("no-pool"),
            ),
        Draft::heatmap(33, "How long connections live", Unit::Seconds)
            .about(
                "Time from ESTABLISHED to the end, by \
                bucket.",
                "All of it below a second: nothing is used \
                    again.",
                &["TcpConnectionChurn"],
                "Choose the process and port above to see \
                        whose.",
            )
            .no_value("none ended")
            .ask(
                sum("le", &SCOPE.buckets(&CONNECTION_DURATION, "")),
                "{{le}}",
                Shown::In("no-pool"),
            ),
    ]
}

fn more() -> Vec<Draft> {
    let median = |metric| quantile(0.5, "", &SCOPE.buckets(metric, ""));
    vec![
        Draft::graph(41, "Bytes of a connection, median", Unit::Bytes)
            .about(
                "Payload that a connection carried in its life.",
                "A few hundred bytes: one request a connection.",
                &["TcpConnectionChurn"],
                "Use connections again.",
            )
            .size(6, 8)
            .ask(median(&CONNECTION_SENT_BYTES), "sent", Shown::In("no-pool"))
            .ask(median(&CONNECTION_RECEIVED_BYTES), "received", Shown::In("no-pool"))
            .colored(&["sent", "received"]),
        Draft::graph(42, "Handshakes under way", Unit::Count)
            .about(
                "Handshakes at listeners that are not finished, as of the last pass.",
                "Hundreds: clients do not answer the SYN-ACK, or a flood of SYNs.",
                &["TcpAcceptQueueOverflowing"],
                "Compare with tcp_max_syn_backlog on Capacity.",
            )
            .size(6, 8)
            .ask(
                format!(
                    "topk(10, {})",
                    sum("workload, process, port", &SCOPE.of(&LISTEN_SYN_QUEUE, ""))
                ),
                "{{process}} :{{port}}",
                Shown::ZeroWhenHealthy,
            ),
        Draft::graph(44, "SYN-ACKs retransmitted", Unit::Packets)
            .about(
                "Answers to SYNs that listeners had to repeat.",
                "A steady line: clients vanish in the middle of the handshake.",
                &["TcpAcceptQueueOverflowing"],
                "A flood of SYNs looks like this; so does a path that loses one direction.",
            )
            .size(6, 8)
            .ask(
                format!("{} or vector(0)", sum("", &SCOPE.rate(&SYNACK_RETRANSMITS, ""))),
                "all listeners",
                Shown::ZeroWhenHealthy,
            ),
        Draft::graph(43, "Listening sockets", Unit::Count)
            .about(
                "Listening sockets by process and port.",
                "A line that ends: the service is down.",
                &[],
                "Look at the service itself.",
            )
            .size(6, 8)
            .ask(
                format!(
                    "topk(10, {})",
                    sum("workload, process, port", &SCOPE.of(&LISTEN_SOCKETS, ""))
                ),
                "{{process}} :{{port}}",
                Shown::Always,
            ),
    ]
}
