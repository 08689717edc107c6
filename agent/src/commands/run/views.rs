//! Connects the threads of the agent to the HTTP process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::SILENCE;
use super::threads::Threads;
use crate::clock::monotonic;
use crate::conn::Nanos;
use crate::history::Moment;
use crate::http::{Access, Bound, Overview, Views};
use crate::ingest::{SharedTable, lock};
use crate::metrics::{Collector, Selection, SharedStats};
use crate::nat::Nat;
use crate::query::Source;

/// Returns what the HTTP process shows.
pub(super) fn views(
    bound: &[Bound],
    metrics: &Selection,
    table: &SharedTable,
    stats: &SharedStats,
    threads: &Threads,
    nat: &Nat,
    started: Instant,
) -> Views {
    let source = Arc::clone(table);
    let snapshot = move || lock(&source).snapshot(Nanos::new(monotonic()));
    let collector = Collector::new(snapshot, stats.clone()).showing(metrics);
    let ingest = threads.ingest_handle.clone();
    let alive = Arc::new(move || Duration::from_nanos(ingest.silent_for()) < SILENCE);
    let (source, numbers, is_alive) = (Arc::clone(table), stats.clone(), Arc::clone(&alive));
    let history = threads.history.clone();
    let overview = move || Overview {
        uptime: started.elapsed(),
        alive: is_alive(),
        snapshot: lock(&source).snapshot(Nanos::new(monotonic())),
        stats: numbers.read(),
        rings: history.read(),
        moment: Moment::now(),
    };
    log_who_may_ask(bound);
    let nobody = bound.iter().all(|one| one.access() == Access::Nobody);
    let ready = Arc::clone(&threads.ready);
    Views {
        metrics: Arc::new(move || collector.page()),
        overview: Arc::new(overview),
        alive,
        ready: Arc::new(move || ready.load(Ordering::Acquire)),
        source: (!nobody).then(|| Source {
            table: Arc::clone(table),
            leaks: threads.leaks.clone(),
            nat: nat.clone(),
            clock: monotonic,
        }),
    }
}

/// Logs on which addresses `/api` does not answer everybody.
fn log_who_may_ask(bound: &[Bound]) {
    for one in bound {
        let whom = match one.access() {
            Access::Nobody => "",
            Access::Known => {
                " to clients of other machines without a password or certificate of the web \
                 configuration"
            }
            Access::File | Access::Anyone | Access::Local => continue,
        };
        tracing::info!(
            "/api answers 403{whom} on {}, which other machines can reach; --expose-connections \
             changes that",
            one.url()
        );
    }
}
