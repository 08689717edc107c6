//! Writes what is counted by process, workload, role and service port: connections opened, closed
//! and failed, their times and sizes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::named::parts;
use super::{Entry, View};
use crate::conn::histogram::Histogram;
use crate::conn::snapshot::Service;
use crate::metrics::family::{Bound, Family, Sum, Tails, bounds};
use crate::metrics::sorted::Sorted;
use crate::metrics::text::{Number, Value};
use catalogue::buckets::{BYTES, BYTES_COARSE, SECONDS, SECONDS_COARSE};
use catalogue::labels::{CloseReason, ConnectFailure, Role};
use catalogue::metrics::lifecycle;

/// These are the families of services. A histogram appears with its first observation: histograms
/// are the larger part of the page.
pub(super) const FAMILIES: &[Entry] = &[
    (&lifecycle::CONNECTIONS_OPENED, opened),
    (&lifecycle::CONNECTIONS_CLOSED, closed),
    (&lifecycle::CONNECTIONS_ESTABLISHED, established),
    (&lifecycle::CONNECT_FAILURES, failures),
    (&lifecycle::CONNECT_DURATION, connects),
    (&lifecycle::CONNECTION_DURATION, |view, family| {
        observed(view, family, &IN_SECONDS, |service| &service.duration);
    }),
    (&lifecycle::CONNECTION_SRTT, |view, family| {
        observed(view, family, &IN_SECONDS, |service| &service.srtt);
    }),
    (&lifecycle::CONNECTION_SENT_BYTES, |view, family| {
        observed(view, family, &IN_BYTES, |service| &service.sent_bytes);
    }),
    (&lifecycle::CONNECTION_RECEIVED_BYTES, |view, family| {
        observed(view, family, &IN_BYTES, |service| &service.received_bytes);
    }),
];

/// These are the bounds of times, as labels.
pub(super) static IN_SECONDS: LazyLock<Vec<Bound>> =
    LazyLock::new(|| bounds(SECONDS, SECONDS_COARSE));
/// These are the bounds of sizes, as labels.
static IN_BYTES: LazyLock<Vec<Bound>> = LazyLock::new(|| bounds(BYTES, BYTES_COARSE));
static REASONS: LazyLock<Tails<CloseReason>> = LazyLock::new(|| {
    Tails::sorted(["reason"], CloseReason::ALL.iter().map(|reason| (*reason, [reason.as_str()])))
});
static FAILURES: LazyLock<Tails<ConnectFailure>> = LazyLock::new(|| {
    Tails::sorted(["reason"], ConnectFailure::ALL.iter().map(|reason| (*reason, [reason.as_str()])))
});

/// `Services` are in the order of the page.
pub(super) struct Services<'a> {
    all: Sorted<&'a Service>,
    /// Services with series of connects, whose families have no label `role`. Clients always have
    /// them. A service of another role (whose birth was not seen) has them only if a connect was
    /// counted.
    connects: Sorted<&'a Service>,
}

impl<'a> Services<'a> {
    /// Sorts services into the order of the page.
    pub(super) fn new(services: &'a [Service]) -> Self {
        let labels = |service: &'a Service| {
            let [process, workload, role] =
                [&*service.process, &*service.workload, service.role.as_str()].map(Value::Text);
            [process, workload, role, Value::port(service.port)]
        };
        let connects =
            services.iter().filter(|service| service.role == Role::Client || tells(service));
        let without_role = |service| {
            let [process, workload, _, port] = labels(service);
            [process, workload, port]
        };
        Self {
            all: Sorted::new(
                ["process", "workload", "role", "port"],
                services.iter().map(|service| (labels(service), service)).collect(),
            ),
            connects: Sorted::new(
                ["process", "workload", "port"],
                connects.map(|service| (without_role(service), service)).collect(),
            ),
        }
    }
}

/// Returns whether a connect of the service was counted.
fn tells(service: &Service) -> bool {
    service.failures.iter().any(|count| *count > 0) || service.connect_duration.count() > 0
}

fn opened(view: &View<'_>, family: &mut Family<'_>) {
    for (service, set) in view.services.all.iter() {
        family.of_set(set, Number::Count(service.opened));
    }
}

fn established(view: &View<'_>, family: &mut Family<'_>) {
    for (service, set) in view.services.all.iter() {
        family.of_set(set, Number::Count(service.established));
    }
}

fn closed(view: &View<'_>, family: &mut Family<'_>) {
    for (service, set) in view.services.all.iter() {
        family.series(
            set,
            REASONS
                .iter()
                .map(|(reason, tail)| (tail, Number::Count(service.closed[reason.index()]))),
        );
    }
}

fn failures(view: &View<'_>, family: &mut Family<'_>) {
    let all = view.services.connects.runs().map(|(services, set)| {
        let (mut all, mut to) = ([0; ConnectFailure::COUNT], BTreeMap::new());
        for service in services {
            add(&mut all, &service.failures);
            for (destination, counts) in &service.failed_to {
                add(to.entry(*destination).or_default(), counts);
            }
        }
        (set, parts(all, to))
    });
    view.by_destination(family, all, &FAILURES, |reason| reason.index());
}

fn add(sum: &mut [u64; ConnectFailure::COUNT], more: &[u64; ConnectFailure::COUNT]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn connects(view: &View<'_>, family: &mut Family<'_>) {
    let mut sum = Sum::default();
    for (services, set) in view.services.connects.runs() {
        let sum = sum.of(services.map(|service| &service.connect_duration));
        if !sum.is_empty() {
            family.histogram(set, &IN_SECONDS, sum);
        }
    }
}

fn observed(
    view: &View<'_>,
    family: &mut Family<'_>,
    bounds: &'static [Bound],
    pick: fn(&Service) -> &Histogram,
) {
    let mut sum = Sum::default();
    for (service, set) in view.services.all.iter() {
        let sum = sum.of(std::iter::once(pick(service)));
        if !sum.is_empty() {
            family.histogram(set, bounds, sum);
        }
    }
}
