//! Services: do listeners accept, do connects succeed and how fast, are connections used again?

mod connects;
mod pooling;

use catalogue::metrics::lifecycle::{
    CONNECTION_RECEIVED_BYTES, CONNECTION_SENT_BYTES, CONNECTIONS_OPENED, SYNACK_RETRANSMITS,
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
            Section {
                id: 1,
                title: "Listeners",
                open: Open::Yes,
                panels: [accept_queues(), drops()].concat(),
            },
            Section {
                id: 2,
                title: "Connects",
                open: Open::Yes,
                panels: [connects::connect_times(), connects::connect_failures()].concat(),
            },
            Section {
                id: 3,
                title: "Pooling",
                open: Open::Yes,
                panels: [pooling::short_lived(), pooling::churn()].concat(),
            },
            Section {
                id: 4,
                title: "More of listeners and connections",
                open: Open::OnClick,
                panels: [payloads(), handshakes()].concat(),
            },
        ],
    }
}

fn accept_queues() -> Vec<Draft> {
    let used = || Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL);
    let fullest = format!("topk(10, {})", max(BY, &SCOPE.of(&LISTEN_BACKLOG_USED, "")));
    let of = |metric| where_in(&sum(BY, &SCOPE.of(metric, "")), BY, &fullest);
    let mut columns = shared::who();
    columns.push(shared::column("port", "Port"));
    columns.push(shared::judged("Value #A", "Queue used", Unit::Share, &used()));
    columns.push(shared::number("Value #B", "Waiting", Unit::Digits));
    columns.push(shared::number("Value #C", "Limit", Unit::Digits));
    columns.push(shared::number("Value #D", "Drops/s", Unit::Count));
    vec![
        Draft::table(11, "Listeners by use of their accept queue", "Queue used")
            .about(
                "The ten fullest accept queues: connections that wait to be accepted, the limit, \
                 and what the listener dropped.",
                "Near 100 %, with drops: the process does not accept fast enough, or hangs.",
                &["TcpAcceptQueueOverflowing"],
                "Take a stack of the process; if it is merely slow, give it more workers before a \
                 larger backlog.",
            )
            .size(24, 7)
            .columns(columns, &["Time"])
            .ask(fullest.clone(), "", Shown::In("stuck-listener"))
            .ask(of(&LISTEN_BACKLOG), "", Shown::In("stuck-listener"))
            .ask(of(&LISTEN_BACKLOG_LIMIT), "", Shown::Always)
            .ask(
                where_in(&sum(BY, &SCOPE.rate(&LISTEN_DROPS, "")), BY, &fullest),
                "",
                Shown::In("stuck-listener"),
            ),
    ]
}

fn drops() -> Vec<Draft> {
    let used = || Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL);
    let fullest = format!("topk(10, {})", max(BY, &SCOPE.of(&LISTEN_BACKLOG_USED, "")));
    vec![
        Draft::graph(12, "Accept queue used", Unit::Share)
            .about(
                "How full the accept queues are; the kernel drops what comes above 100 %.",
                "A line that stays near 100 %.",
                &["TcpListenBacklogNearLimit", "TcpCloseWaitUnaccepted"],
                "The process does not accept: look for a stuck thread.",
            )
            .size(8, 8)
            .named()
            .limits(used())
            .link(shared::to_leaks())
            .ask(
                fullest.clone(),
                "{{process}} :{{port}} {{instance}}",
                Shown::In("stuck-listener"),
            ),
        Draft::graph(13, "Overflows and drops, by network namespace", Unit::Drops)
            .about(
                "Connections refused because an accept queue was full, and SYNs dropped for any \
                 reason, as the kernel counts them for a whole network namespace.",
                "Above the line: clients wait seconds for retransmitted SYNs.",
                &[],
                "The table above names the listener.",
            )
            .size(8, 8)
            .limits(Thresholds::critical(ACCEPT_DROPS_RATE))
            .ask(
                top(&sum("instance, netns", &SCOPE.rate(&LISTEN_OVERFLOWS, ""))),
                "overflows {{instance}} {{netns}}",
                Shown::In("stuck-listener"),
            )
            .ask(
                top(&sum("instance, netns", &SCOPE.rate(&LISTEN_NETNS_DROPS, ""))),
                "drops {{instance}} {{netns}}",
                Shown::In("stuck-listener"),
            ),
        Draft::graph(14, "Drops by listener", Unit::Drops)
            .about(
                "SYNs, handshakes and other segments that a listener dropped.",
                "Any steady line.",
                &["TcpAcceptQueueOverflowing"],
                "See the listener's queue above.",
            )
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(
                top(&sum("workload, process, port", &SCOPE.rate(&LISTEN_DROPS, ""))),
                "{{process}} :{{port}}",
                Shown::In("stuck-listener"),
            ),
    ]
}

fn payloads() -> Vec<Draft> {
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
    ]
}

fn handshakes() -> Vec<Draft> {
    vec![
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
        Draft::graph(44, "SYN-ACKs retransmitted", Unit::Segments)
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
