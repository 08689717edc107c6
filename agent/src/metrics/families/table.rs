//! What the connection table tells as a whole: times in state, namespaces, its bounds and its health.

use std::collections::BTreeMap;
use std::time::Duration;

use super::services::port_label;
use crate::conn::labels::{Correction, RetransmitError};
use crate::conn::snapshot::{Namespace, OTHER, Snapshot};
use crate::metrics::catalogue::{agent, connections, lifecycle};
use crate::metrics::family::Family;
use crate::metrics::stats::SelfStats;

/// The label budgets, each with a counter from the start.
const BUDGETS: [&str; 6] = ["groups", "services", "namespaces", "ports", "listeners", "workloads"];

/// Families of everything in the snapshot that has neither process nor service; `now` in Unix time.
pub(in crate::metrics) fn families(snapshot: &Snapshot, stats: &SelfStats, now: f64) -> Vec<Family> {
    let mut durations = Family::new(&connections::STATE_DURATION);
    for (role, state, histogram) in &snapshot.state_durations {
        if histogram.count() > 0 {
            durations.histogram([state.as_str(), role.as_str()], histogram);
        }
    }
    let mut synacks = Family::new(&lifecycle::SYNACK_RETRANSMITS);
    for (port, count) in &snapshot.synack_retransmits {
        synacks.count([&port_label(*port)], *count);
    }
    let mut corrections = Family::new(&agent::RECONCILE_CORRECTIONS);
    for (kind, count) in Correction::ALL.iter().zip(&snapshot.corrections) {
        corrections.count([kind.as_str()], *count);
    }
    let mut reconciles = Family::new(&agent::RECONCILE_DURATION);
    reconciles.histogram([], &snapshot.reconcile_durations);
    let mut overflow = Family::new(&agent::LABEL_OVERFLOW);
    let mut overflows: BTreeMap<&str, u64> = BUDGETS.iter().map(|budget| (*budget, 0)).collect();
    for (budget, count) in &snapshot.label_overflow {
        *overflows.entry(budget).or_default() += count;
    }
    for (budget, count) in overflows {
        overflow.count([budget], count);
    }
    let mut families = vec![durations, synacks, corrections, reconciles, overflow];
    families.extend(namespaces(snapshot, stats.host_netns));
    families.extend(scalars(snapshot, now));
    families
}

/// Gauges by network namespace; the agent's own stands there from the start.
fn namespaces(snapshot: &Snapshot, host: u32) -> [Family; 3] {
    let mut by_label: BTreeMap<String, Namespace> = BTreeMap::from([("host".to_owned(), Namespace::default())]);
    for namespace in &snapshot.namespaces {
        let sum = by_label.entry(netns_label(namespace.netns, host)).or_default();
        sum.time_wait += namespace.time_wait;
        sum.fin_wait2_orphan += namespace.fin_wait2_orphan;
        sum.syn_recv += namespace.syn_recv;
    }
    let mut time_wait = Family::new(&connections::TIME_WAIT_SOCKETS);
    let mut orphans = Family::new(&connections::FIN_WAIT2_ORPHAN_SOCKETS);
    let mut syn_recv = Family::new(&connections::SYN_RECV_SOCKETS);
    for (label, sockets) in &by_label {
        time_wait.count([label], sockets.time_wait);
        orphans.count([label], sockets.fin_wait2_orphan);
        syn_recv.count([label], sockets.syn_recv);
    }
    [time_wait, orphans, syn_recv]
}

/// A network namespace as a label; `host` is the agent's own, 0 stands for those beyond a bound.
pub(super) fn netns_label(netns: u32, host: u32) -> String {
    match netns {
        0 => OTHER.to_owned(),
        inode if inode == host => "host".to_owned(),
        inode => inode.to_string(),
    }
}

fn scalars(snapshot: &Snapshot, now: f64) -> Vec<Family> {
    let counts = [
        (&agent::CONNECTIONS_TRACKED, snapshot.tracked),
        (&agent::CONNECTIONS_LIMIT, snapshot.limit),
        (&agent::CONNECTIONS_REFUSED, snapshot.refused),
        (&agent::CONNECTIONS_UNATTRIBUTED, snapshot.unattributed),
        (&agent::CONNECTIONS_UNVERIFIED, snapshot.unverified),
        (&agent::CONNECTIONS_UNHELD, snapshot.unheld),
        (&agent::CONNECTIONS_SHARED, snapshot.shared),
    ];
    let mut families: Vec<Family> = counts
        .into_iter()
        .map(|(metric, count)| {
            let mut family = Family::new(metric);
            family.count([], count);
            family
        })
        .collect();
    let mut failures = Family::new(&lifecycle::RETRANSMIT_FAILURES);
    for (error, segments) in RetransmitError::ALL.iter().zip(snapshot.retransmit_failures) {
        failures.count([error.as_str()], segments);
    }
    families.push(failures);
    // The table knows monotonic time only; the age of the pass is the same in both.
    let since = |then| now - Duration::from_nanos(snapshot.taken_at.saturating_sub(then)).as_secs_f64();
    for (metric, then) in [(&agent::RECONCILE_LAST_COMPLETED, snapshot.last_reconcile), (&agent::OWNERS_VERIFIED, snapshot.owners_read)] {
        let mut last = Family::new(metric);
        last.value([], then.map_or(0.0, since));
        families.push(last);
    }
    families
}
