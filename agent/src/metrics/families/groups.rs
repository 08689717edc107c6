//! What is counted by process, workload and role: sockets by state with their ages, and segments sent again.

use crate::conn::labels::{Phase, RetransmitKind, Role, SocketState};
use crate::conn::snapshot::{Group, STUCK_AGES, Snapshot};
use crate::metrics::catalogue::{connections, lifecycle};
use crate::metrics::family::Family;

/// Families of [`Snapshot::groups`]. Every state of a process stands there, with 0 where it has no
/// socket in it, so that a gauge that falls is seen to fall.
pub(in crate::metrics) fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut connections = Family::new(&connections::CONNECTIONS);
    let mut oldest = Family::new(&connections::OLDEST_STATE_AGE);
    let mut stuck = Family::new(&connections::CONNECTIONS_STUCK);
    let mut retransmitted = Family::new(&lifecycle::RETRANSMITTED_SEGMENTS);
    for group in &snapshot.groups {
        let [process, workload, role] = [&*group.process, &*group.workload, group.role.as_str()];
        for (state, gauge) in SocketState::ALL.iter().zip(&group.states) {
            connections.count([process, workload, role, state.as_str()], gauge.count);
            if !state.can_leak() {
                continue;
            }
            let age = gauge.oldest_since.map_or(0, |since| snapshot.taken_at.saturating_sub(since));
            oldest.value([process, workload, role, state.as_str()], std::time::Duration::from_nanos(age).as_secs_f64());
            for (min_age, count) in STUCK_AGES.iter().zip(&gauge.older_than) {
                stuck.count([process, workload, role, state.as_str(), &min_age.to_string()], *count);
            }
        }
        add_retransmitted(&mut retransmitted, group);
    }
    vec![connections, oldest, stuck, retransmitted, workloads(snapshot)]
}

/// The long names behind the label `workload`.
fn workloads(snapshot: &Snapshot) -> Family {
    let mut info = Family::new(&connections::WORKLOAD_INFO);
    for workload in &snapshot.workloads {
        let ids = [&workload.container_id, &workload.pod_uid, &workload.cgroup];
        let [container, pod, cgroup] = ids.map(|id| &**id);
        info.count([&workload.name, workload.kind.as_str(), workload.runtime, container, pod, cgroup], 1);
    }
    info
}

fn add_retransmitted(family: &mut Family, group: &Group) {
    for (phase, kinds) in Phase::ALL.iter().zip(&group.retransmitted) {
        for (kind, segments) in RetransmitKind::ALL.iter().zip(kinds) {
            if *segments > 0 || can_occur(group.role, *phase, *kind) {
                family.count([&group.process, &group.workload, group.role.as_str(), phase.as_str(), kind.as_str()], *segments);
            }
        }
    }
}

/// Whether a combination is worth a series that may stay 0: a SYN goes again only by the timer, and
/// only from a client.
const fn can_occur(role: Role, phase: Phase, kind: RetransmitKind) -> bool {
    match phase {
        Phase::Syn => !matches!(role, Role::Server) && matches!(kind, RetransmitKind::Timeout),
        Phase::Established | Phase::Closing => true,
    }
}
