//! Local ports and TIME_WAIT, for the board [`capacity`](super).

use catalogue::metrics::connections::TIME_WAIT_SOCKETS;
use catalogue::metrics::lifecycle::CONNECT_FAILURES;
use catalogue::metrics::pressure::{EPHEMERAL_PORTS, EPHEMERAL_PORTS_USED};

use super::{SCOPE, setting, used};
use crate::alerts::tcp_ephemeral_ports_exhausted::NO_LOCAL_PORT_RATE;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{max, sum, top};
use crate::boards::shared;
use crate::grafana::looks::Thresholds;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;

pub(super) fn port_use() -> Vec<Draft> {
    let by = "instance, netns";
    let fullest = |kind: &str| {
        format!("topk(10, {})", max(by, &SCOPE.of(&EPHEMERAL_PORTS, &format!(r#"kind="{kind}""#))))
    };
    vec![
        Draft::graph(21, "Local ports used, by network namespace", Unit::Share)
            .about(
                "The share of local ports that connections to the busiest destination have taken.",
                "A line towards 100 %.",
                &[],
                "`tcpwarden ports` names the destination; reuse connections, or widen \
                 ip_local_port_range.",
            )
            .size(8, 8)
            .named()
            .up_to(1.0)
            .limits(used())
            .ask(
                top(&max(by, &SCOPE.of(&EPHEMERAL_PORTS_USED, ""))),
                "{{instance}} {{netns}}",
                Shown::In("time-wait-bomb"),
            ),
        Draft::graph(22, "Local ports used and there are", Unit::Count)
            .about(
                "Ports taken towards the busiest destination, and ports that there are for a \
                 destination.",
                "The two meet.",
                &["TcpEphemeralPortsNearExhaustion"],
                "As beside.",
            )
            .size(8, 8)
            .named()
            .with(Override::matching("^range .*").limit_line("text"))
            .ask(fullest("used"), "used {{instance}} {{netns}}", Shown::In("time-wait-bomb"))
            .ask(fullest("range"), "range {{instance}} {{netns}}", Shown::Always),
    ]
}

pub(super) fn port_shortage() -> Vec<Draft> {
    let by = "instance, netns";
    vec![
        Draft::graph(23, "Connects without a local port", Unit::Failures)
            .about(
                "Connects that failed because no local port was left.",
                "Any: requests fail now.",
                &["TcpConnectFailures"],
                "As beside; then Services for who connects so often.",
            )
            .size(8, 8)
            .named()
            .limits(Thresholds::critical(NO_LOCAL_PORT_RATE))
            .link(shared::to_services())
            .ask(
                format!(
                    "topk(10, {})",
                    sum(
                        "instance, workload, process, port",
                        &SCOPE.rate(&CONNECT_FAILURES, r#"reason="no_local_port""#)
                    )
                ),
                "{{process}} ({{workload}}) to :{{port}} {{instance}}",
                Shown::In("time-wait-bomb"),
            ),
        Draft::graph(24, "TIME_WAIT and its limit", Unit::Count)
            .about(
                "Sockets in TIME_WAIT by network namespace, and tcp_max_tw_buckets, on a \
                 logarithmic scale.",
                "The two meet, or TIME_WAIT by ten thousands.",
                &["TcpEphemeralPortsNearExhaustion"],
                "Each stays a minute: divide by 60 for the connections a second that this side \
                 closes first.",
            )
            .size(24, 7)
            .logarithmic()
            .with(Override::matching("^tcp_max_tw_buckets .*").limit_line("text"))
            .ask(
                top(&max(by, &SCOPE.of(&TIME_WAIT_SOCKETS, ""))),
                "{{instance}} {{netns}}",
                Shown::In("time-wait-bomb"),
            )
            .ask(setting("tcp_max_tw_buckets"), "tcp_max_tw_buckets {{instance}}", Shown::Always),
    ]
}
