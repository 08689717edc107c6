//! What is counted by process, workload, role and service port: opened, closed, failed, and how connections were.

use crate::conn::histogram::Histogram;
use crate::conn::labels::{CloseReason, ConnectFailure, Role};
use crate::conn::snapshot::{OTHER, Service, Snapshot};
use crate::metrics::catalogue::{Metric, lifecycle};
use crate::metrics::family::Family;

/// Families of [`Snapshot::services`]. Histograms stand there only once they hold an observation:
/// they are the larger part of the page.
pub(in crate::metrics) fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut opened = Family::new(&lifecycle::CONNECTIONS_OPENED);
    let mut closed = Family::new(&lifecycle::CONNECTIONS_CLOSED);
    let mut failures = Family::new(&lifecycle::CONNECT_FAILURES);
    let mut connect = Family::new(&lifecycle::CONNECT_DURATION);
    let connects = merged_connects(snapshot);
    for service in &snapshot.services {
        let labels = [&*service.process, &*service.workload, service.role.as_str(), &port_label(service.port)];
        opened.count(labels, service.opened);
        for (reason, count) in CloseReason::ALL.iter().zip(&service.closed) {
            closed.count([labels[0], labels[1], labels[2], labels[3], reason.as_str()], *count);
        }
    }
    for ((process, workload, port), attempts) in &connects {
        for (reason, count) in ConnectFailure::ALL.iter().zip(&attempts.failures) {
            failures.count([process, workload, port, reason.as_str()], *count);
        }
        if let Some(histogram) = attempts.duration.as_ref().filter(|histogram| histogram.count() > 0) {
            connect.histogram([process, workload, port], histogram);
        }
    }
    let mut families = vec![opened, closed, failures, connect];
    families.push(observed(&lifecycle::CONNECTION_DURATION, snapshot, |service| &service.duration));
    families.push(observed(&lifecycle::CONNECTION_SRTT, snapshot, |service| &service.srtt));
    families.push(observed(&lifecycle::CONNECTION_SENT_BYTES, snapshot, |service| &service.sent_bytes));
    families.push(observed(&lifecycle::CONNECTION_RECEIVED_BYTES, snapshot, |service| &service.received_bytes));
    families
}

/// Connect attempts of one process in one workload towards one port.
#[derive(Default)]
struct Attempts {
    failures: [u64; ConnectFailure::COUNT],
    duration: Option<Histogram>,
}

/// Connect attempts without the role, which these families do not have: a client's always stand
/// there, another role's (a birth that was not seen) only where there is something to tell.
fn merged_connects(snapshot: &Snapshot) -> std::collections::BTreeMap<(&str, &str, String), Attempts> {
    let mut merged = std::collections::BTreeMap::<(&str, &str, String), Attempts>::new();
    for service in &snapshot.services {
        let silent = service.failures.iter().all(|count| *count == 0) && service.connect_duration.count() == 0;
        if silent && service.role != Role::Client {
            continue;
        }
        let attempts = merged.entry((&service.process, &service.workload, port_label(service.port))).or_default();
        for (mine, theirs) in attempts.failures.iter_mut().zip(&service.failures) {
            *mine += theirs;
        }
        match &mut attempts.duration {
            Some(duration) => duration.add(&service.connect_duration),
            None => attempts.duration = Some(service.connect_duration.clone()),
        }
    }
    merged
}

fn observed(metric: &'static Metric, snapshot: &Snapshot, pick: fn(&Service) -> &Histogram) -> Family {
    let mut family = Family::new(metric);
    for service in &snapshot.services {
        let histogram = pick(service);
        if histogram.count() > 0 {
            family.histogram([&service.process, &service.workload, service.role.as_str(), &port_label(service.port)], histogram);
        }
    }
    family
}

/// A service port as a label.
pub(super) fn port_label(port: Option<u16>) -> String {
    port.map_or_else(|| OTHER.to_owned(), |port| port.to_string())
}
