//! What looks alive and is not, for the board [`leaks`](super): connections that carry nothing,
//! whose peer does not answer, and that nobody has accepted.

use catalogue::metrics::pressure::{
    IDLE, LISTEN_UNACCEPTED, LISTEN_UNACCEPTED_AGE, UNACKNOWLEDGED,
};

use super::SCOPE;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{max, sum, top};
use crate::boards::shared;
use crate::grafana::unit::Unit;

/// The series of a group, in a legend.
const GROUP: &str = "{{process}} ({{workload}}) {{role}} {{instance}}";

pub(super) fn idle() -> Vec<Draft> {
    let by = "instance, workload, process, role";
    let minutes = SCOPE.of(&IDLE, r#"min_idle="300""#);
    vec![
        Draft::graph(51, "Idle by process", Unit::Count)
            .about(
                "Established connections that have carried no data for five minutes, of the \
                 processes with the most.",
                "A line that rises in steps and never falls: connections are opened and not given \
                 back. A flat line is a pool that waits for work.",
                &[],
                "`tcpwarden connections --state established --min-idle 5m --process NAME` lists \
                 them with their peers.",
            )
            .named()
            .link(shared::to_leaks())
            .ask(format!("topk(10, {})", sum(by, &minutes)), GROUP, Shown::ZeroWhenHealthy),
        Draft::graph(52, "Idle by time", Unit::Count)
            .about(
                "Established connections that have carried no data for a minute, five minutes, an \
                 hour; each line counts the longer idle ones too.",
                "The lines follow each other upwards: what becomes idle stays so.",
                &[],
                "Close idle connections after a time, on the side that opened them.",
            )
            .ask(
                sum("min_idle", &SCOPE.of(&IDLE, "")),
                "over {{min_idle}} s",
                Shown::ZeroWhenHealthy,
            ),
    ]
}

pub(super) fn unanswered() -> Vec<Draft> {
    let by = "instance, workload, process, port";
    let listener = "{{process}} :{{port}} {{instance}}";
    vec![
        Draft::graph(53, "Not acknowledged by the peer", Unit::Count)
            .about(
                "Connections whose peer acknowledges nothing of what was sent: after three \
                 time-outs in a row, or for fifteen seconds.",
                "Any steady line: a peer or the path to it is gone, and the process waits.",
                &[],
                "`tcpwarden connections --unacknowledged` lists them; one peer in all of them is \
                 the one that is gone.",
            )
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(
                format!(
                    "topk(10, {})",
                    sum("instance, workload, process, role", &SCOPE.of(&UNACKNOWLEDGED, ""))
                ),
                GROUP,
                Shown::ZeroWhenHealthy,
            ),
        Draft::graph(54, "Not accepted", Unit::Count)
            .about(
                "Connections that a listener's process has not accepted, in whichever state, \
                 summed over its listeners on a port.",
                "A line that stays while others are accepted: one worker of several is stuck.",
                &[],
                "Services shows how full the queue is; take a stack of the process.",
            )
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(
                top(&sum(by, &SCOPE.of(&LISTEN_UNACCEPTED, ""))),
                listener,
                Shown::In("stuck-listener"),
            ),
        Draft::graph(55, "Oldest that nobody accepted", Unit::Seconds)
            .about(
                "For how long the oldest connection that nobody has accepted has waited since its \
                 handshake.",
                "A line that rises with the clock: nobody calls accept.",
                &[],
                "`tcpwarden leaks` names who should accept.",
            )
            .size(8, 8)
            .named()
            .link(shared::to_leaks())
            .ask(
                top(&max(by, &SCOPE.of(&LISTEN_UNACCEPTED_AGE, ""))),
                listener,
                Shown::In("stuck-listener"),
            ),
    ]
}
