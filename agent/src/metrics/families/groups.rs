//! Writes what is counted by process, workload and role: sockets by state with their ages, bytes in
//! their queues, and segments retransmitted.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use hashbrown::HashMap;

use super::named::parts;
use super::{Entry, View};
use crate::conn::snapshot::{Group, Snapshot, StateGauge};
use crate::metrics::family::{Family, Tails};
use crate::metrics::sorted::Sorted;
use crate::metrics::text::{Number, Value};
use crate::workload::Names;
use catalogue::labels::{Phase, RetransmitKind, Role, SocketState, Stage};
use catalogue::limits::{IDLE_AGES, STUCK_AGES};
use catalogue::metrics::{connections, lifecycle, pressure};

/// These are the families of groups. Every state of a process has a series, 0 if no socket is in
/// it, so that a gauge is seen to fall. Ages and stuck sockets are most of what there would be and
/// nearly always 0: they have one from their first value on.
pub(super) const FAMILIES: &[Entry] = &[
    (&connections::CONNECTIONS, states),
    (&connections::OLDEST_STATE_AGE, ages),
    (&connections::CONNECTIONS_STUCK, stuck),
    (&connections::WORKLOAD_INFO, workloads),
    (&lifecycle::RETRANSMITTED_SEGMENTS, retransmitted),
    (&pressure::CLOSE_WAIT, close_wait),
    (&pressure::RECEIVE_QUEUE, |view, family| {
        queued(view, family, |group| group.queued.receive_bytes);
    }),
    (&pressure::SEND_QUEUE, |view, family| queued(view, family, |group| group.queued.send_bytes)),
    (&pressure::ZERO_WINDOW, |view, family| queued(view, family, |group| group.queued.zero_window)),
    (&pressure::IDLE, idle),
    (&pressure::UNACKNOWLEDGED, |view, family| {
        queued(view, family, |group| group.queued.unacknowledged);
    }),
];

static STATES: LazyLock<Tails<SocketState>> = LazyLock::new(|| {
    Tails::sorted(["state"], SocketState::ALL.iter().map(|state| (*state, [state.as_str()])))
});
static LEAKING: LazyLock<Tails<SocketState>> =
    LazyLock::new(|| Tails::sorted(["state"], leaking().map(|state| (state, [state.as_str()]))));
static STUCK: LazyLock<Tails<(SocketState, usize)>> = LazyLock::new(|| {
    let aged = |state: SocketState| {
        (0..).zip(AGES).map(move |(age, text)| ((state, age), [state.as_str(), text]))
    };
    Tails::sorted(["state", "min_age"], leaking().flat_map(aged))
});
static STAGES: LazyLock<Tails<Stage>> = LazyLock::new(|| {
    Tails::sorted(["stage"], Stage::ALL.iter().map(|stage| (*stage, [stage.as_str()])))
});
static RESENT: LazyLock<Tails<(Phase, RetransmitKind)>> = LazyLock::new(|| {
    let kinds = |phase: &'static Phase| {
        RetransmitKind::ALL.iter().map(|kind| ((*phase, *kind), [phase.as_str(), kind.as_str()]))
    };
    Tails::sorted(["phase", "kind"], Phase::ALL.iter().flat_map(kinds))
});

static IDLE: LazyLock<Tails<usize>> =
    LazyLock::new(|| Tails::sorted(["min_idle"], (0..).zip(IDLE_TEXTS.map(|text| [text]))));

/// These are [`STUCK_AGES`] as labels.
const AGES: [&str; STUCK_AGES.len()] = ["60", "300", "3600"];
/// These are [`IDLE_AGES`] as labels.
const IDLE_TEXTS: [&str; IDLE_AGES.len()] = ["60", "300", "3600"];

/// Returns groups in the order of the page.
pub(super) fn sorted(groups: &[Group]) -> Sorted<&Group> {
    let labelled = groups.iter().map(|group| {
        ([&*group.process, &*group.workload, group.role.as_str()].map(Value::Text), group)
    });
    Sorted::new(["process", "workload", "role"], labelled.collect())
}

fn leaking() -> impl Iterator<Item = SocketState> {
    SocketState::ALL.iter().copied().filter(|state| state.can_leak())
}

fn states(view: &View<'_>, family: &mut Family<'_>) {
    for (group, set) in view.groups.iter() {
        family.series(
            set,
            STATES.iter().map(|(state, tail)| (tail, Number::Count(gauge(group, *state).count))),
        );
    }
}

fn ages(view: &View<'_>, family: &mut Family<'_>) {
    let age = |since: Option<u64>| {
        since
            .map_or(Number::Count(0), |since| seconds(view.snapshot.taken_at.saturating_sub(since)))
    };
    for (group, set) in view.groups.iter() {
        let seen = LEAKING.iter().filter(|(state, _)| group.seen.has(**state));
        family
            .series(set, seen.map(|(state, tail)| (tail, age(gauge(group, *state).oldest_since))));
    }
}

fn stuck(view: &View<'_>, family: &mut Family<'_>) {
    let count = |group: &Group, (state, age): (SocketState, usize)| {
        gauge(group, state).older_than.get(age).copied().unwrap_or_default()
    };
    for (group, set) in view.groups.iter() {
        let seen = STUCK.iter().filter(|((state, age), _)| group.seen.has_older(*state, *age));
        family.series(set, seen.map(|(of, tail)| (tail, Number::Count(count(group, *of)))));
    }
}

fn close_wait(view: &View<'_>, family: &mut Family<'_>) {
    for (group, set) in view.groups.iter() {
        let [unaccepted, unread, read] = group.close_wait;
        let count = |stage: &Stage| match stage {
            Stage::Unaccepted => unaccepted,
            Stage::Unread => unread,
            Stage::Read => read,
        };
        family.series(set, STAGES.iter().map(|(stage, tail)| (tail, Number::Count(count(stage)))));
    }
}

fn idle(view: &View<'_>, family: &mut Family<'_>) {
    let known = destinations(view.snapshot);
    let all = view.groups.iter().map(|(group, set)| {
        let known = known.get(&(&*group.process, &*group.workload, group.role));
        let none = known.into_iter().flatten().map(|to| (*to, [0; IDLE_AGES.len()]));
        (set, parts(group.queued.idle, none.chain(group.idle_to.iter().copied()).collect()))
    });
    view.by_destination(family, all, &IDLE, |age: &usize| *age);
}

/// A process, a workload and a role.
type Owner<'a> = (&'a str, &'a str, Role);

/// Returns the named destinations to which each owner has connected: a gauge of one is seen to
/// fall to 0.
fn destinations(snapshot: &Snapshot) -> HashMap<Owner<'_>, BTreeSet<u8>> {
    let mut all: HashMap<Owner<'_>, BTreeSet<u8>> = HashMap::new();
    for service in snapshot.services.iter().filter(|service| !service.failed_to.is_empty()) {
        let owner = (&*service.process, &*service.workload, service.role);
        all.entry(owner).or_default().extend(service.failed_to.iter().map(|(to, _)| *to));
    }
    all
}

fn queued(view: &View<'_>, family: &mut Family<'_>, of: fn(&Group) -> u64) {
    for (group, set) in view.groups.iter() {
        family.of_set(set, Number::Count(of(group)));
    }
}

fn retransmitted(view: &View<'_>, family: &mut Family<'_>) {
    for (group, set) in view.groups.iter() {
        let numbers = RESENT.iter().filter_map(|((phase, kind), tail)| {
            let segments = group.retransmitted[phase.index()][kind.index()];
            (segments > 0 || can_occur(group.role, *phase, *kind))
                .then_some((tail, Number::Count(segments)))
        });
        family.series(set, numbers);
    }
}

/// Writes the long names behind the label `workload`.
fn workloads(view: &View<'_>, family: &mut Family<'_>) {
    let labels = view.snapshot.workloads.iter().map(|workload| {
        let ids = [&workload.container_id, &workload.pod_uid, &workload.cgroup];
        let [id, uid, cgroup] = ids.map(|id| &**id);
        let [namespace, pod, container, image, project, service] =
            workload.names.get().map_or([""; 6], Names::texts);
        [
            &*workload.name,
            workload.kind.as_str(),
            workload.runtime,
            id,
            uid,
            cgroup,
            namespace,
            pod,
            container,
            image,
            project,
            service,
        ]
    });
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    for labels in labels {
        family.count(labels, 1);
    }
}

fn gauge(group: &Group, state: SocketState) -> &StateGauge {
    &group.states[state.index()]
}

fn seconds(nanoseconds: u64) -> Number {
    Number::Value(Duration::from_nanos(nanoseconds).as_secs_f64())
}

/// Returns whether a combination has a series even at 0: only the timer retransmits a SYN, and only
/// that of a client.
const fn can_occur(role: Role, phase: Phase, kind: RetransmitKind) -> bool {
    match phase {
        Phase::Syn => !matches!(role, Role::Server) && matches!(kind, RetransmitKind::Timeout),
        Phase::Established | Phase::Closing => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ages_have_the_texts_of_their_numbers() {
        assert_eq!(STUCK_AGES.map(|age| age.to_string()), AGES);
        assert_eq!(IDLE_AGES.map(|age| age.to_string()), IDLE_TEXTS);
    }
}
