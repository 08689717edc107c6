//! Writes what the connection table reports as a whole: times in state, namespaces, its bounds and
//! its health.

use std::time::Duration;

use super::services::IN_SECONDS;
use super::{Entry, View};
use crate::conn::snapshot::{Namespace, Snapshot};
use crate::metrics::family::{Family, Sum};
use crate::metrics::sorted::Sorted;
use crate::metrics::text::{Number, Value};
use catalogue::labels::{Correction, OTHER, RetransmitError};
use catalogue::metrics::{agent, connections, lifecycle};

/// These are the families of everything in the snapshot that has neither process nor service.
pub(super) const FAMILIES: &[Entry] = &[
    (&connections::STATE_DURATION, durations),
    (&connections::TIME_WAIT_SOCKETS, |view, family| {
        sockets(view, family, |namespace| namespace.time_wait);
    }),
    (&connections::FIN_WAIT2_ORPHAN_SOCKETS, |view, family| {
        sockets(view, family, |namespace| namespace.fin_wait2_orphan);
    }),
    (&connections::SYN_RECV_SOCKETS, |view, family| {
        sockets(view, family, |namespace| namespace.syn_recv);
    }),
    (&lifecycle::SYNACK_RETRANSMITS, synacks),
    (&lifecycle::RETRANSMIT_FAILURES, |view, family| {
        by_name(
            family,
            RetransmitError::ALL
                .iter()
                .map(|error| error.as_str())
                .zip(view.snapshot.retransmit_failures)
                .collect(),
        );
    }),
    (&lifecycle::RETRANSMITS_UNSEEN, |view, family| {
        family.alone(Number::Count(view.snapshot.retransmits_unseen));
    }),
    (&agent::RECONCILE_CORRECTIONS, |view, family| {
        by_name(
            family,
            Correction::ALL
                .iter()
                .map(|kind| kind.as_str())
                .zip(view.snapshot.corrections)
                .collect(),
        );
    }),
    (&agent::INTERNAL_ERRORS, |view, family| {
        family.alone(Number::Count(view.snapshot.internal_errors));
    }),
    (&agent::LOG_LINES_DROPPED, |_, family| family.alone(Number::Count(crate::log::dropped()))),
    (&agent::RECONCILE_DURATION, |view, family| {
        family.histogram(
            b"",
            &IN_SECONDS,
            Sum::default().of(std::iter::once(&view.snapshot.reconcile_durations)),
        );
    }),
    (&agent::LABEL_OVERFLOW, overflow),
    (&agent::CONNECTIONS_TRACKED, |view, family| {
        family.alone(Number::Count(view.snapshot.tracked));
    }),
    (&agent::CONNECTIONS_LIMIT, |view, family| family.alone(Number::Count(view.snapshot.limit))),
    (&agent::CONNECTIONS_REFUSED, |view, family| {
        family.alone(Number::Count(view.snapshot.refused));
    }),
    (&agent::CONNECTIONS_UNATTRIBUTED, |view, family| {
        family.alone(Number::Count(view.snapshot.unattributed));
    }),
    (&agent::CONNECTIONS_UNVERIFIED, |view, family| {
        family.alone(Number::Count(view.snapshot.unverified));
    }),
    (&agent::CONNECTIONS_UNHELD, |view, family| family.alone(Number::Count(view.snapshot.unheld))),
    (&agent::CONNECTIONS_SHARED, |view, family| family.alone(Number::Count(view.snapshot.shared))),
    (&agent::RECONCILE_LAST_COMPLETED, |view, family| {
        last(view, family, view.snapshot.last_reconcile);
    }),
    (&agent::OWNERS_VERIFIED, |view, family| last(view, family, view.snapshot.owners_read)),
];

/// Each label budget has a counter from the start.
const BUDGETS: [&str; 6] = ["groups", "services", "namespaces", "ports", "listeners", "workloads"];

/// `Namespaces` are in the order of the page; several may share a label.
pub(super) type Namespaces = Sorted<Namespace>;

/// Sorts namespaces into the order of the page. The agent's own, `host`, has series from the start.
pub(super) fn namespaces(snapshot: &Snapshot, host: u32) -> Namespaces {
    let known = snapshot
        .namespaces
        .iter()
        .map(|namespace| ([netns_label(namespace.netns, host)], namespace.clone()));
    Sorted::new(
        ["netns"],
        std::iter::once(([Value::Text("host")], Namespace::default())).chain(known).collect(),
    )
}

/// Returns a network namespace as a label. `host` is the agent's own; 0 stands for those beyond a
/// bound.
pub(super) fn netns_label(netns: u32, host: u32) -> Value<'static> {
    match netns {
        0 => Value::Text(OTHER),
        inode if inode == host => Value::Text("host"),
        inode => Value::number(inode),
    }
}

/// Writes counts with one label each, in the order of the page.
pub(super) fn by_name(family: &mut Family<'_>, mut counts: Vec<(&str, u64)>) {
    counts.sort_by_key(|(name, _)| *name);
    for (name, count) in counts {
        family.count([name], count);
    }
}

fn durations(view: &View<'_>, family: &mut Family<'_>) {
    let known =
        view.snapshot.state_durations.iter().filter(|(_, _, histogram)| histogram.count() > 0);
    let known = known.map(|(role, state, histogram)| {
        ([state.as_str(), role.as_str()].map(Value::Text), histogram)
    });
    let mut sum = Sum::default();
    for (histogram, set) in Sorted::new(["state", "role"], known.collect()).iter() {
        family.histogram(set, &IN_SECONDS, sum.of(std::iter::once(*histogram)));
    }
}

fn synacks(view: &View<'_>, family: &mut Family<'_>) {
    let mut counts: Vec<_> = view
        .snapshot
        .synack_retransmits
        .iter()
        .map(|(port, count)| (Value::port(*port), *count))
        .collect();
    counts.sort_by_key(|(port, _)| *port);
    for (port, count) in counts {
        family.labelled([port], Number::Count(count));
    }
}

fn overflow(view: &View<'_>, family: &mut Family<'_>) {
    let mut counts: Vec<_> = BUDGETS.iter().map(|budget| (*budget, 0)).collect();
    for (budget, count) in &view.snapshot.label_overflow {
        match counts.iter_mut().find(|(known, _)| known == budget) {
            Some((_, sum)) => *sum += count,
            None => counts.push((budget, *count)),
        }
    }
    by_name(family, counts);
}

fn sockets(view: &View<'_>, family: &mut Family<'_>, of: fn(&Namespace) -> u64) {
    for (namespaces, set) in view.namespaces.runs() {
        family.of_set(set, Number::Count(namespaces.map(of).sum()));
    }
}

/// Writes when something last happened, in Unix time; 0 if it has not. The table knows monotonic
/// time only; the age is the same in both.
fn last(view: &View<'_>, family: &mut Family<'_>, then: Option<u64>) {
    let since = |then| {
        view.now - Duration::from_nanos(view.snapshot.taken_at.saturating_sub(then)).as_secs_f64()
    };
    family.alone(Number::Value(then.map_or(0.0, since)));
}
