//! Time in state, sockets without a process and long names, for the board [`leaks`](super).

use catalogue::metrics::agent::{CONNECTIONS_SHARED, CONNECTIONS_UNHELD};
use catalogue::metrics::connections::{FIN_WAIT2_ORPHAN_SOCKETS, STATE_DURATION, WORKLOAD_INFO};

use super::SCOPE;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{quantile, sum};
use crate::boards::shared;
use crate::grafana::unit::Unit;

pub(super) fn times_in_state() -> Vec<Draft> {
    let states = shared::passing_states();
    let time = quantile(0.99, "state", &SCOPE.buckets(&STATE_DURATION, &states));
    let slow = Draft::graph(41, "Time in state, 99th percentile", Unit::Seconds)
        .about(
            "How long sockets stayed in a state, seen when they left it; what is stuck is not in \
             it. By host, not by process.",
            "Seconds in CLOSE_WAIT: the program closes late.",
            &["TcpCloseWaitStuck"],
            "A late close is often a timeout of a worker; see the heatmap.",
        )
        .ask(time, "{{state}}", Shown::In("no-pool"));
    vec![
        shared::state_colors().into_iter().fold(slow, Draft::with),
        Draft::heatmap(42, "Time in CLOSE_WAIT", Unit::Seconds)
            .about(
                "How long this side took to close after the peer had, by host.",
                "A band at a round number of seconds is a timeout.",
                &["TcpCloseWaitStuck"],
                "Look for that timeout in the program's configuration.",
            )
            .ask(
                sum("le", &SCOPE.buckets(&STATE_DURATION, r#"state="close_wait""#)),
                "{{le}}",
                Shown::In("no-pool"),
            ),
    ]
}

pub(super) fn holders_and_names() -> Vec<Draft> {
    let columns = [
        ("workload", "Workload"),
        ("kind", "Kind"),
        ("namespace", "Namespace"),
        ("pod", "Pod"),
        ("container", "Container"),
        ("image", "Image"),
        ("compose_project", "Project"),
        ("compose_service", "Service"),
        ("runtime", "Runtime"),
        ("container_id", "Container id"),
        ("pod_uid", "Pod uid"),
        ("cgroup", "Cgroup"),
        ("instance", "Instance"),
    ];
    let columns = columns.map(|(name, title)| shared::column(name, title)).into();
    vec![
        Draft::graph(43, "Sockets without a process", Unit::Count)
            .about(
                "Connections that no process held when descriptors were last read, connections \
                 that several processes hold, and orphans in FIN_WAIT2.",
                "Shared ones that grow: a child inherited them and keeps them open.",
                &["TcpFinWait2Stuck"],
                "Close on exec, or close in the child after fork.",
            )
            .ask(
                sum("", &SCOPE.of(&CONNECTIONS_UNHELD, "")),
                "held by nobody",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &SCOPE.of(&CONNECTIONS_SHARED, "")),
                "held by several",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &SCOPE.of(&FIN_WAIT2_ORPHAN_SOCKETS, "")),
                "orphans in FIN_WAIT2",
                Shown::ZeroWhenHealthy,
            )
            .colored(&["held by nobody", "held by several", "orphans in FIN_WAIT2"]),
        Draft::table(44, "Workloads by their long names", "Workload")
            .about(
                "The container, pod and cgroup behind the workload's short name.",
                "Nothing here is bad.",
                &[],
                "Join with kube-state-metrics by namespace, pod and container, or by pod uid.",
            )
            .size(12, 8)
            .columns(columns, &["Time", "Value", "__name__", "job"])
            .ask(SCOPE.of(&WORKLOAD_INFO, ""), "", Shown::Always),
    ]
}
