//! `tcpwarden run`: the agent from start to end, as one story.
//!
//! Load and attach, give up privileges, start the threads, serve; then, in this order: stop
//! serving, drain the rings, detach.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::load;
use crate::clock::monotonic;
use crate::config::RunConfig;
use crate::conn::{Limits, Table};
use crate::exit::{self, Error};
use crate::http::{self, Access, Api, Bound, Overview, Views};
use crate::ingest::{Handle, Ingest, SharedTable, Wishes, lock};
use crate::kernel::load::{Kernel, Sizes};
use crate::kernel::namespaces::{Home, Search};
use crate::kernel::privileges;
use crate::leaks::Watch;
use crate::metrics::stats::Probe;
use crate::metrics::{Collector, SharedStats};
use crate::rate_limited::RateLimited;
use crate::reconcile::Reconcile;
use crate::verify::Verify;
use crate::workload::resolver::Resolver;
use crate::{housekeeping, kernel, listing, print_line};

/// A thread that has not gone round for this long is no longer alive.
const SILENCE: Duration = Duration::from_secs(10);

/// How long the reconcile thread may take to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs the agent until a signal ends it.
///
/// # Errors
/// Where the agent cannot start, or a thread that it cannot do without ends.
pub fn run(config: &RunConfig) -> Result<u8, Error> {
    let started = Instant::now();
    // Of one thread: one that the runtime starts itself would not take part in giving up
    // privileges.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_name("http")
        .enable_all()
        .build()
        .context("cannot start the HTTP runtime")?;
    let signals = {
        let _runtime = runtime.enter();
        Signals::catch()?
    };
    // The address first: nothing is worth loading for an agent that nobody can ask.
    let bound = runtime.block_on(async { Bound::take(&config.listen) })?;
    let (probes, maps) = load(Sizes {
        state_ring: config.ring_bytes,
        retransmit_ring: config.retransmit_ring_bytes,
    })?;
    let home = Home::own().context("cannot tell the own network namespace; is /proc mounted?")?;
    let stats = SharedStats::default();
    stats.update(|stats| {
        stats.host_netns = home.inode;
        stats.probes = probes
            .probes()
            .iter()
            .map(|(probe, state)| Probe {
                name: probe.name,
                state: state.clone(),
                runs: None,
                misses: 0,
            })
            .collect();
    });
    kernel::heap::give_back();
    summary(&probes);
    give_up_privileges(config.keep_privileges);

    let table: SharedTable = Arc::new(Mutex::new(Table::new(limits(config))));
    let threads = Threads::start(config, probes, maps, home, &table, &stats)?;
    let router = http::router(views(config, &table, &stats, &threads, started));
    print_line(&format!("listening on {}", bound.url()));
    runtime.block_on(http::serve(bound, router, signals.stop(threads.ingest_handle.clone())));
    runtime.shutdown_timeout(Duration::from_millis(100));
    threads.stop()?;
    tracing::info!("drained and detached");
    Ok(exit::OK)
}

fn limits(config: &RunConfig) -> Limits {
    Limits {
        connections: config.max_connections,
        groups: config.max_series,
        services: config.max_series,
        ..Limits::default()
    }
}

/// One line a probe: what it came to, and what is lost without it.
fn summary(kernel: &Kernel) {
    for (probe, state) in kernel.probes() {
        if state.is_attached() {
            tracing::info!(probe = probe.name, "attached");
        } else {
            tracing::warn!(
                probe = probe.name,
                reason = state.reason(),
                "{}: {}",
                state.as_str(),
                probe.without
            );
        }
    }
    for silence in kernel.silences() {
        tracing::info!("on this kernel {silence}");
    }
}

fn give_up_privileges(keep: bool) {
    if keep {
        return;
    }
    if let Err(error) = nix::sys::prctl::set_no_new_privs() {
        tracing::warn!(%error, "a program started from here could get privileges again");
    }
    match privileges::drop_unneeded() {
        Ok(kept) => tracing::info!(kept = kept.join(","), "privileges dropped"),
        Err(error) => tracing::warn!(%error, "privileges could not be dropped"),
    }
}

/// The threads besides HTTP's, and what stops them.
struct Threads {
    ingest: JoinHandle<std::io::Result<()>>,
    ingest_handle: Handle,
    reconcile: JoinHandle<Kernel>,
    housekeeping: JoinHandle<()>,
    stop_housekeeping: SyncSender<()>,
    ready: Arc<AtomicBool>,
    leaks: Watch,
}

impl Threads {
    fn start(
        config: &RunConfig,
        kernel: Kernel,
        maps: kernel::load::Maps,
        home: Home,
        table: &SharedTable,
        stats: &SharedStats,
    ) -> anyhow::Result<Self> {
        let (commands, inbox) = sync_channel(1);
        let (pass_wanted, wanted) = sync_channel(1);
        let (workload_wanted, resolver_wanted) = sync_channel(1);
        // Before the first socket comes.
        let resolver = Resolver::new(Path::new("/"), Arc::clone(table));
        let (stop_housekeeping, stop) = sync_channel(1);
        let ready = Arc::new(AtomicBool::new(false));
        let (runs, mut maps) = (kernel.run_stats(), maps);
        let mut forward_log = std::mem::replace(&mut maps.forward_log, Box::new(|| ()));
        let wishes = Wishes { pass: pass_wanted.clone(), workload: workload_wanted };
        let ingest = Ingest::new(
            maps,
            Arc::clone(table),
            stats.clone(),
            config.drain_interval,
            inbox,
            wishes,
        )
        .context("cannot watch the rings")?;
        let ingest_handle = ingest.handle();
        let reconcile = Reconcile {
            kernel,
            home,
            interval: config.reconcile_interval,
            commands,
            ingest: ingest_handle.clone(),
            wanted,
            table: Arc::clone(table),
            verify: Verify::new(config.verify_after),
            search: Search::Processes,
            ready: Arc::clone(&ready),
            settling: false,
            readings: None,
            warning: RateLimited::default(),
        };
        // Nobody waits for its end: it rests for seconds at a time and holds nothing.
        spawn("workloads", move || resolver.run(&resolver_wanted))?;
        let (stats, leaks) = (stats.clone(), Watch::default());
        let mut sample = {
            let (table, leaks, ready) = (Arc::clone(table), leaks.clone(), Arc::clone(&ready));
            move || {
                if ready.load(Ordering::Acquire) {
                    leaks.sample(&table, monotonic());
                }
            }
        };
        let work = move || {
            housekeeping::run(
                &runs,
                &stats,
                &mut [&mut *forward_log, &mut sample],
                &pass_wanted,
                &stop,
            )
        };
        Ok(Self {
            ingest: spawn("ingest", move || ingest.run())?,
            ingest_handle,
            reconcile: spawn("reconcile", move || reconcile.run())?,
            housekeeping: spawn("housekeeping", work)?,
            stop_housekeeping,
            ready,
            leaks,
        })
    }

    /// Drains what is in the rings, ends the threads, detaches.
    fn stop(self) -> anyhow::Result<()> {
        self.ingest_handle.stop();
        drop(self.stop_housekeeping);
        let drained =
            self.ingest.join().map_err(|_panic| anyhow::anyhow!("the ingest thread panicked"))?;
        if self.housekeeping.join().is_err() {
            tracing::warn!("the housekeeping thread panicked");
        }
        // With the other ends of its channels gone, the reconcile thread ends; with it the links.
        // It may wait for a socket's lock, which a process can hold for ever; the end of this
        // process detaches just as well.
        let end = Instant::now() + PATIENCE;
        while !self.reconcile.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        if !self.reconcile.is_finished() {
            tracing::warn!("the reconcile thread still waits for the kernel");
        } else if self.reconcile.join().is_err() {
            tracing::warn!("the reconcile thread panicked");
        }
        drained.context("waiting for the rings failed")
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<JoinHandle<T>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .with_context(|| format!("cannot start the {name} thread"))
}

/// What the HTTP surface shows.
fn views(
    config: &RunConfig,
    table: &SharedTable,
    stats: &SharedStats,
    threads: &Threads,
    started: Instant,
) -> Views {
    let source = Arc::clone(table);
    let collector = Collector::new(move || lock(&source).snapshot(monotonic()), stats.clone());
    let (source, numbers) = (Arc::clone(table), stats.clone());
    let overview = move || {
        let now = monotonic();
        let snapshot = lock(&source).snapshot(now);
        let stats = numbers.read();
        Overview {
            uptime: started.elapsed(),
            probes: stats.probes,
            tracked: snapshot.tracked,
            unattributed: snapshot.unattributed,
            lost: stats.kernel.states_lost + stats.unseen + stats.kernel.retransmits_lost,
            reconciled: snapshot
                .last_reconcile
                .map(|moment| Duration::from_nanos(now.saturating_sub(moment))),
        }
    };
    let (ingest, ready) = (threads.ingest_handle.clone(), Arc::clone(&threads.ready));
    Views {
        metrics: Arc::new(move || collector.page()),
        overview: Arc::new(overview),
        alive: Arc::new(move || Duration::from_nanos(ingest.silent_for()) < SILENCE),
        ready: Arc::new(move || ready.load(Ordering::Acquire)),
        api: api(config, table, &threads.leaks),
    }
}

/// What the drill-down shows.
fn api(config: &RunConfig, table: &SharedTable, leaks: &Watch) -> Api {
    let access = Access::of(&config.listen, config.expose_connections);
    if access == Access::Nobody {
        tracing::info!(
            "/api answers 403 on {}, which other machines can reach; --expose-connections changes that",
            config.listen
        );
    }
    let [listed, surveyed, asked] = [table, table, table].map(Arc::clone);
    let leaks = leaks.clone();
    Api {
        access,
        connections: Arc::new(move |query| listing::connections(&listed, query, monotonic())),
        leaks: Arc::new(move |query| leaks.leaks(&surveyed, query, monotonic())),
        ports: Arc::new(move |query| listing::ports::ports(&asked, query, monotonic())),
    }
}

/// The signals that end the agent, caught from the start.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them; must be called inside a runtime.
    fn catch() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Ready when one asks the agent to end, or when the ingest thread has died.
    async fn stop(mut self, ingest: Handle) {
        let dead = async {
            while Duration::from_nanos(ingest.silent_for()) < SILENCE * 6 {
                tokio::time::sleep(SILENCE).await;
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("interrupted"),
            _ = self.terminate.recv() => tracing::info!("asked to end"),
            () = dead => tracing::error!("the ingest thread does not answer"),
        }
    }
}
