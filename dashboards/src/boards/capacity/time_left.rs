//! How long it takes until something is used up, for the board [`capacity`](super).

use catalogue::metrics::pressure::{FDS_EXHAUSTED, LISTEN_EXHAUSTED, PORTS_EXHAUSTED};

use super::SCOPE;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::min;
use crate::boards::shared;
use crate::grafana::unit::Unit;

pub(super) fn panels() -> Vec<Draft> {
    let by = "instance, workload, process";
    let soonest = |by, metric| format!("bottomk(10, {})", min(by, &SCOPE.of(metric, "")));
    vec![
        Draft::graph(54, "Until descriptors run out", Unit::Seconds)
            .about(
                "About how long it takes until a process reaches its descriptor limit, of those \
                 whose number grows by a trend test.",
                "A line that falls to an hour or less.",
                &["TcpDescriptorsNearLimit"],
                "`tcpwarden leaks` says the same as a range, and what grows.",
            )
            .size(8, 8)
            .no_value("nothing grows")
            .named()
            .link(shared::to_leaks())
            .ask(
                soonest(by, &FDS_EXHAUSTED),
                "{{process}} ({{workload}}) {{instance}}",
                Shown::Seldom,
            ),
        Draft::graph(55, "Until local ports run out", Unit::Seconds)
            .about(
                "About how long it takes until connections to the busiest destination have used \
                 all local ports, where their number grows by a trend test.",
                "A line that falls to an hour or less.",
                &["TcpEphemeralPortsNearExhaustion"],
                "`tcpwarden ports` names the destination and who connects to it.",
            )
            .size(8, 8)
            .no_value("nothing grows")
            .named()
            .ask(
                soonest("instance, netns", &PORTS_EXHAUSTED),
                "{{instance}} {{netns}}",
                Shown::Seldom,
            ),
        Draft::graph(56, "Until accept queues are full", Unit::Seconds)
            .about(
                "About how long it takes until the fullest accept queue of a process on a port is \
                 full, where it grows by a trend test.",
                "A line that falls to an hour or less.",
                &["TcpListenBacklogNearLimit"],
                "`tcpwarden leaks` names who should accept.",
            )
            .size(8, 8)
            .no_value("nothing grows")
            .named()
            .link(shared::to_leaks())
            .ask(
                soonest("instance, workload, process, port", &LISTEN_EXHAUSTED),
                "{{process}} :{{port}} {{instance}}",
                Shown::Seldom,
            ),
    ]
}
