//! Connects: how long they take and why they fail, for the board [`services`](super).

use catalogue::labels::{ConnectFailure, OTHER};
use catalogue::metrics::lifecycle::{
    CONNECT_DURATION, CONNECT_FAILURES, CONNECTIONS_ESTABLISHED, CONNECTIONS_OPENED,
};

use super::{BY, SCOPE};
use crate::alerts::tcp_connect_failures::{CONNECT_FAILURE_RATIO, KEPT_SECONDS};
use crate::alerts::tcp_connect_slow::CONNECT_SLOW_SECONDS;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{quantile, sum, top, where_in};
use crate::boards::shared;
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;

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
    let kept =
        sum(BY, &SCOPE.of(&CONNECTIONS_ESTABLISHED, &format!(r#"role!="server", {service}"#)));
    let connects = format!("{opened} + {failed}");
    format!("{judged} / ({connects} + {kept} / {KEPT_SECONDS} or {connects})")
}

pub(super) fn connect_times() -> Vec<Draft> {
    let buckets = SCOPE.buckets(&CONNECT_DURATION, "");
    let duration = Draft::graph(22, "Connect time", Unit::Seconds)
        .about(
            "Time from the first SYN to ESTABLISHED, of connects that succeeded; the line is where \
             slow begins.",
            "A 99th percentile at 1, 3 or 7 s: SYNs are lost and retransmitted.",
            &["TcpSynRetransmits"],
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
    ]
}

pub(super) fn connect_failures() -> Vec<Draft> {
    let failed = sum(BY, &SCOPE.rate(&CONNECT_FAILURES, ""));
    let mut columns = shared::who();
    columns.push(shared::column("port", "To port"));
    columns.push(shared::number("Value #A", "Failures/s", Unit::Count));
    columns.push(shared::judged(
        "Value #B",
        "Share",
        Unit::Share,
        &Thresholds::warning(CONNECT_FAILURE_RATIO),
    ));
    vec![
        Draft::graph(23, "Connect failures by reason", Unit::Failures)
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
                &[],
                "`tcpwarden connections --state syn_sent` shows the peers that do not answer.",
            )
            .no_value("none")
            .size(24, 7)
            .columns(columns, &["Time"])
            .ask(top(&failed), "", Shown::In("refused"))
            .ask(where_in(&failing_share(), BY, &top(&failed)), "", Shown::In("refused")),
    ]
}
