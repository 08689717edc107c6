//! The threads of the agent: how they are connected, started and stopped.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::deaths::Deaths;
use super::keeping::Keeping;
use crate::clock::monotonic;
use crate::config::RunConfig;
use crate::history::{History, Moment};
use crate::housekeeping::{self, Chore};
use crate::http::Supervisor;
use crate::ingest::{Handle, Ingest, SharedTable, Wishes, lock};
use crate::kernel::load::{Kernel, Maps};
use crate::kernel::namespaces::{Home, Search};
use crate::kernel::privileges;
use crate::leaks::Watch;
use crate::lister::Listers;
use crate::metrics::SharedStats;
use crate::nat::{Nat, Worker};
use crate::rate_limited::RateLimited;
use crate::reconcile::{Pace, Reconcile};
use crate::verify::Verify;
use crate::web::Web;
use crate::workload::resolver::Resolver;

/// How long the end waits for the ingest thread, which drains the rings.
const INGEST_GRACE: Duration = Duration::from_secs(5);
/// How long the end waits for the reconcile thread.
const RECONCILE_GRACE: Duration = Duration::from_millis(500);

/// How long the end waits for the history to be written.
const HISTORY_GRACE: Duration = Duration::from_millis(500);

/// How long the end waits for the HTTP process, which ends its open requests.
const HTTP_GRACE: Duration = Duration::from_millis(1300);

/// The threads besides those of the HTTP process, and what stops them.
pub(super) struct Threads {
    ingest: JoinHandle<std::io::Result<()>>,
    pub(super) ingest_handle: Handle,
    reconcile: JoinHandle<Kernel>,
    housekeeping: JoinHandle<()>,
    stop_housekeeping: SyncSender<()>,
    keeping: Option<Keeping>,
    /// Whether the first reconcile pass has ended.
    pub(super) ready: Arc<AtomicBool>,
    pub(super) leaks: Watch,
    /// What the table counted in the last hours.
    pub(super) history: History,
}

impl Threads {
    /// Starts every thread.
    pub(super) fn start(
        config: &RunConfig,
        (kernel, mut maps): (Kernel, Maps),
        home: Home,
        table: &SharedTable,
        leaks: Watch,
        stats: &SharedStats,
        deaths: &Deaths,
    ) -> anyhow::Result<Self> {
        let (commands, inbox) = sync_channel(1);
        let (pass_wanted, wanted) = sync_channel(1);
        let (workload_wanted, resolver_wanted) = sync_channel(1);
        // Before the first socket is in the table, so that its cgroup is known.
        let resolver = Resolver::new(Path::new("/"), Arc::clone(table), config.workload_label);
        let (stop_housekeeping, stop) = sync_channel(1);
        let ready = Arc::new(AtomicBool::new(false));
        let runs = kernel.run_stats();
        let forward_log = std::mem::replace(&mut maps.forward_log, Box::new(|| ()));
        let wishes = Wishes { pass: pass_wanted.clone(), workload: workload_wanted };
        let drain = config.drain_interval;
        let ingest = Ingest::new(maps, Arc::clone(table), stats.clone(), drain, inbox, wishes)
            .context("cannot watch the rings")?;
        let ingest_handle = ingest.handle();
        let reconcile = Reconcile {
            kernel,
            listers: Listers::default(),
            home,
            commands,
            ingest: ingest_handle.clone(),
            wanted,
            table: Arc::clone(table),
            verify: Verify::new(config.verify_after),
            search: Search::Processes,
            ready: Arc::clone(&ready),
            pace: Pace::new(config.reconcile_interval),
            readings: None,
            stats: stats.clone(),
            warning: RateLimited::default(),
        };
        // It is not joined at the end: it sleeps for seconds at a time and holds nothing.
        spawn("workloads", deaths, move || resolver.run(&resolver_wanted))?;
        let history = History::default();
        let keeping = Keeping::start(config.state_directory.as_deref(), &history)?;
        let mut chores =
            [forward_log, sampler(table, &leaks, &ready, stats), keeper(table, &history, &ready)];
        let stats = stats.clone();
        let work = move || housekeeping::run(&runs, &stats, &mut chores, &pass_wanted, &stop);
        let work = reported(deaths, work);
        Ok(Self {
            ingest: spawn("ingest", deaths, move || ingest.run())?,
            ingest_handle,
            reconcile: spawn("reconcile", deaths, move || reconcile.run())?,
            housekeeping: spawn("housekeeping", deaths, work)?,
            stop_housekeeping,
            keeping,
            ready,
            leaks,
            history,
        })
    }

    /// Drains the rings, ends the threads and detaches.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.ingest_handle.stop();
        drop(self.stop_housekeeping);
        let drained = join(self.ingest, INGEST_GRACE)
            .context("the ingest thread does not end")?
            .map_err(|_panic| anyhow::anyhow!("the ingest thread panicked"))?;
        if self.housekeeping.join().is_err() {
            tracing::warn!("the housekeeping thread panicked");
        }
        match self.keeping.map(|keeping| join(keeping.stop(), HISTORY_GRACE)) {
            Some(None) => tracing::warn!("the end does not wait for the history to be written"),
            Some(Some(Err(_panic))) => tracing::warn!("the history thread panicked"),
            Some(Some(Ok(()))) | None => {}
        }
        // The reconcile thread ends because the other ends of its channels are gone, and with it
        // the links. It may wait for a socket's lock, which a process can hold for ever; the end of
        // this process detaches as well.
        match join(self.reconcile, RECONCILE_GRACE) {
            None => tracing::warn!("the reconcile thread still waits for the kernel"),
            Some(Err(_panic)) => tracing::warn!("the reconcile thread panicked"),
            Some(Ok(_kernel)) => {}
        }
        drained.context("waiting for the rings failed")
    }
}

/// Starts the thread that runs the HTTP process.
pub(super) fn supervise(supervisor: Supervisor, deaths: &Deaths) -> anyhow::Result<JoinHandle<()>> {
    spawn("http", deaths, reported(deaths, move || supervisor.run()))
}

/// Starts the thread that looks through NAT, if it may and if anybody may ask. Returns what asks
/// it; the thread ends with the last of them.
pub(super) fn nat(is_asked: bool, deaths: &Deaths) -> anyhow::Result<Nat> {
    if !is_asked || !privileges::may_look_through_nat() {
        return Ok(Nat::default());
    }
    let home = Home::own().context("cannot tell the own network namespace")?;
    let (nat, worker) = Worker::new(home);
    let work = move || {
        if let Err(error) = privileges::keep_for_nat() {
            tracing::warn!(%error, "the thread that looks through NAT keeps its privileges");
        }
        worker.run();
    };
    spawn("nat", deaths, work).map(|_thread| nat)
}

/// Starts the thread that reads the web configuration again; it ends with what is returned.
pub(super) fn reload(
    web: Web,
    stats: SharedStats,
    deaths: &Deaths,
) -> anyhow::Result<SyncSender<()>> {
    let (stop, stopped) = sync_channel(1);
    let work = move || {
        if let Err(error) = privileges::drop_all() {
            tracing::warn!(%error, "the thread of the web configuration keeps its privileges");
        }
        web.run(&stopped, |is| stats.update(|stats| stats.web_config_in_force = Some(is)));
    };
    spawn("web", deaths, work).map(|_thread| stop)
}

/// Reports what work returns as the reason for its end.
fn reported(
    deaths: &Deaths,
    work: impl FnOnce() -> Option<String> + Send + 'static,
) -> impl FnOnce() + Send + 'static {
    let deaths = deaths.clone();
    move || work().into_iter().for_each(|what| deaths.report(what))
}

/// Waits for the end of that thread, whose process was told to end.
pub(super) fn end(http: JoinHandle<()>) {
    if join(http, HTTP_GRACE).is_none() {
        tracing::warn!("the HTTP process does not end");
    }
}

/// Returns the chore that samples the suspects once the first pass has ended.
fn sampler(
    table: &SharedTable,
    leaks: &Watch,
    ready: &Arc<AtomicBool>,
    stats: &SharedStats,
) -> Chore {
    let (table, leaks, ready) = (Arc::clone(table), leaks.clone(), Arc::clone(ready));
    let stats = stats.clone();
    Box::new(move || {
        if ready.load(Ordering::Acquire) && leaks.sample(&table, monotonic()) {
            let (running_out, expected) = (leaks.running_out(), leaks.expected());
            stats.update(|stats| (stats.running_out, stats.expected) = (running_out, expected));
        }
    })
}

/// Returns the chore that keeps what the table counts once the first pass has ended: before, the
/// connections that are older than the agent are missing.
fn keeper(table: &SharedTable, history: &History, ready: &Arc<AtomicBool>) -> Chore {
    let (table, history, ready) = (Arc::clone(table), history.clone(), Arc::clone(ready));
    Box::new(move || {
        if ready.load(Ordering::Acquire) {
            history.add(Moment::now(), || lock(&table).view().totals());
        }
    })
}

/// Returns the result of a thread that ends within this time.
fn join<T>(thread: JoinHandle<T>, time: Duration) -> Option<thread::Result<T>> {
    let end = Instant::now() + time;
    while !thread.is_finished() && Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
    }
    thread.is_finished().then(|| thread.join())
}

fn spawn<T: Send + 'static>(
    name: &str,
    deaths: &Deaths,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<JoinHandle<T>> {
    let guard = deaths.guard(name);
    let work = move || {
        let _guard = guard;
        work()
    };
    crate::spawn::thread(name, work)
}
