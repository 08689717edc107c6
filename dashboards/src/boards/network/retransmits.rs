//! What is retransmitted, by whom and why, for the board [`network`](super).

use catalogue::labels::{Phase, RetransmitKind};
use catalogue::metrics::lifecycle::{RETRANSMIT_FAILURES, RETRANSMITTED_SEGMENTS};

use super::{SCOPE, retransmit_ratio};
use crate::alerts::tcp_retransmit_ratio_high::RETRANSMIT_RATIO;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{sum, top};
use crate::boards::shared::{self, texts};
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;

pub(super) fn causes() -> Vec<Draft> {
    let by = |labels: &str| sum(labels, &SCOPE.rate(&RETRANSMITTED_SEGMENTS, ""));
    vec![
        Draft::graph(21, "Share retransmitted, by host", Unit::Share)
            .about(
                "The share of segments that were retransmitted, SYNs excluded.",
                "Above the line.",
                &[],
                "One host: its link. All hosts at once: the network between.",
            )
            .size(8, 8)
            .limits(Thresholds::warning(RETRANSMIT_RATIO))
            .no_value("are the recording rules loaded?")
            .ask(retransmit_ratio("instance"), "{{instance}}", Shown::In("lossy-link")),
        Draft::graph(22, "Retransmitted, by phase", Unit::Segments)
            .about(
                "Segments retransmitted by the phase of the connection. syn: nobody answers. \
                 established: loss on the way. closing: the peer is gone.",
                "A band that was not there before.",
                &["TcpSynRetransmits", "TcpRetransmitRatioHigh"],
                "syn: see Services, connect failures. established: see the kinds beside.",
            )
            .size(8, 8)
            .stacked()
            .ask(by("phase"), "{{phase}}", Shown::In("lossy-link"))
            .colored(&texts(Phase::ALL, Phase::as_str)),
        Draft::graph(23, "Retransmitted, by kind", Unit::Segments)
            .about(
                "What triggered it. fast: acknowledgements told of the loss, cheap. probe: a tail \
                 loss probe. timeout: nothing came for the whole timeout, expensive.",
                "Mostly timeout: the path is dead or the flows are too thin to notice loss \
                 earlier.",
                &["TcpRetransmitRatioHigh"],
                "fast points to congestion, timeout to a broken path or peer.",
            )
            .size(8, 8)
            .stacked()
            .ask(by("kind"), "{{kind}}", Shown::In("lossy-link"))
            .colored(&texts(RetransmitKind::ALL, RetransmitKind::as_str)),
    ]
}

pub(super) fn senders() -> Vec<Draft> {
    let by = |labels: &str| sum(labels, &SCOPE.rate(&RETRANSMITTED_SEGMENTS, ""));
    vec![
        Draft::graph(24, "Retransmitted, by process", Unit::Segments)
            .about(
                "The processes whose segments are retransmitted most.",
                "One name far above the others: its peer or path.",
                &["TcpRetransmitRatioHigh", "TcpSynRetransmits"],
                "`tcpwarden connections --sort retransmitted` on the host shows the peers.",
            )
            .named()
            .link(shared::to_services())
            .ask(
                top(&by("workload, process, role")),
                "{{process}} ({{workload}}) {{role}}",
                Shown::In("lossy-link"),
            ),
        Draft::graph(25, "Retransmits that failed", Unit::Segments)
            .about(
                "Segments that the kernel tried to retransmit and could not, by reason. denied: a \
                 local firewall. no_buffer: no memory. unreachable: no route. Available since \
                 Linux 6.17.",
                "denied or unreachable: the way out of this host is closed.",
                &["TcpRetransmitRatioHigh"],
                "Look at routes, neighbours and the firewall of the host.",
            )
            .ask(
                sum("error", &SCOPE.rate(&RETRANSMIT_FAILURES, "")),
                "{{error}}",
                Shown::ZeroWhenHealthy,
            ),
    ]
}
