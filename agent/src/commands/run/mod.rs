//! `tcpwarden run`: the agent from start to end, as one story.
//!
//! Bind, load and attach, drop privileges, start the threads and the HTTP process; then, in this
//! order: stop serving, drain the rings, detach. `addresses` binds, `threads` starts and stops the
//! threads, `views` connects them to the HTTP process, `signals` waits for the end, `notify` tells
//! the service manager.

mod addresses;
mod deaths;
mod keeping;
mod notify;
mod signals;
mod threads;
mod views;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::load;
use crate::config::RunConfig;
use crate::conn::{Limits, Nanos, Table};
use crate::exit::{self, Error};
use crate::http::{self, Access, Bound, Passed};
use crate::ingest::SharedTable;
use crate::kernel;
use crate::kernel::load::{Kernel, Sizes};
use crate::kernel::namespaces::Home;
use crate::kernel::{privileges, sight};
use crate::leaks::Watch;
use crate::metrics::SharedStats;
use crate::metrics::stats::Probe;
use crate::pressure::memory;
use crate::version::Build;
use crate::web::Web;

use deaths::Deaths;
use signals::Signals;
use threads::Threads;
use views::views;

/// The ingest thread counts as dead after this long without a round.
const SILENCE: Duration = Duration::from_secs(10);

/// Runs the agent until a signal ends it.
///
/// # Errors
/// The agent cannot start, or a thread that it needs has ended.
pub fn run(config: &RunConfig) -> Result<u8, Error> {
    let started = Instant::now();
    // Before another descriptor can be taken for one that was handed over.
    let passed = Passed::all().map_err(Error::Usage)?;
    kernel::inherited::keep_from_children();
    kernel::heap::forbid_huge_pages();
    // It waits for signals only.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let signals = {
        let _runtime = runtime.enter();
        Signals::catch()?
    };
    // The addresses first: without them nobody could query the agent, so the probes need not be
    // loaded.
    let (web, bound) = listen(config, passed)?;
    let (probes, maps) = load(Sizes {
        state_ring: config.ring_bytes,
        retransmit_ring: config.retransmit_ring_bytes,
    })?;
    let home = Home::own().context("cannot tell the own network namespace; is /proc mounted?")?;
    let stats = initial_stats(&home, &probes);
    kernel::heap::give_back();
    log_probes(&probes);
    give_up_privileges(config.keep_privileges);

    let deaths = Deaths::default();
    let handed = web.as_ref().map(Web::handed);
    let (supervisor, process) = http::supervised(&bound, (&config.log, config.log_format), handed)?;
    let http = threads::supervise(supervisor, &deaths)?;
    let asked = bound.iter().any(|one| one.access() != Access::Nobody);
    let nat = threads::nat(asked, &deaths)?;
    if !config.keep_privileges {
        privileges::drop_for_single_threads().context("cannot give up privileges")?;
    }
    let table: SharedTable = Arc::new(Mutex::new(table(config)));
    let leaks = watch(config, &bound);
    let threads = Threads::start(config, (probes, maps), home, &table, leaks, &stats, &deaths)?;
    process.begin(views(&bound, &config.metrics, &table, &stats, &threads, &nat, started))?;
    let _web = web.map(|web| threads::reload(web, stats.clone(), &deaths)).transpose()?;
    addresses::print(&bound);
    notify::ready(&bound);
    runtime.block_on(signals.stop(threads.ingest_handle.clone(), deaths.clone()));
    notify::stopping();
    // What ends from here on was told to.
    let died = deaths.first().map(str::to_owned);
    drop((bound, process));
    threads::end(http);
    let stopped = threads.stop();
    if let Some(what) = died {
        let text = format!("{what}: the numbers would have stood still; start the agent again");
        let cause = stopped.err().unwrap_or_else(|| anyhow::anyhow!("see its log"));
        return Err(Error::Other(cause.context(text)));
    }
    stopped?;
    tracing::info!("drained and detached");
    Ok(exit::OK)
}

/// Opens the web configuration, if there is one, and what the agent listens on.
fn listen(config: &RunConfig, passed: Vec<Passed>) -> Result<(Option<Web>, Vec<Bound>), Error> {
    let web = config.web_config_file.as_deref().map(Web::open).transpose()?;
    if web.as_ref().is_some_and(|web| web.has_users() && !web.is_tls()) {
        tracing::warn!("passwords come without TLS: anyone on the way can read them");
    }
    let bound = addresses::bind(config, passed, web.as_ref().is_some_and(Web::is_tls))?;
    if web.is_some() && bound.iter().all(Bound::is_file) {
        return Err(Error::Usage(
            "--web-config-file is for TCP addresses, and the agent has socket files only".into(),
        ));
    }
    Ok((web, bound))
}

/// Returns the history of leaks; arguments of processes are shown to who opens a socket file.
fn watch(config: &RunConfig, bound: &[Bound]) -> Watch {
    let has_file = bound.iter().any(Bound::is_file);
    Watch::new(config.expected.clone(), config.names.clone(), has_file)
}

fn initial_stats(home: &Home, kernel: &Kernel) -> SharedStats {
    let stats = SharedStats::default();
    stats.update(|stats| {
        stats.build = Build::own();
        stats.host_netns = home.inode;
        stats.limits = sight::limits().to_vec();
        let probes = kernel.probes().iter().map(|(probe, state)| Probe {
            name: probe.name,
            state: state.clone(),
            runs: None,
            misses: 0,
        });
        stats.probes = probes.collect();
    });
    stats
}

/// Returns the table, empty.
fn table(config: &RunConfig) -> Table {
    let mut table = Table::new(Limits {
        connections: config.max_connections.unwrap_or_else(|| rows_that_fit(config)),
        groups: config.max_series,
        services: config.max_series,
        young: Nanos::of(config.young_age),
        ..Limits::default()
    });
    table.name_destinations(config.destinations.clone());
    table
}

/// Returns how many rows the table may have by the memory of the cgroup, and logs it if that is
/// less than usual.
fn rows_that_fit(config: &RunConfig) -> usize {
    let rings = u64::from(config.ring_bytes) + u64::from(config.retransmit_ring_bytes);
    let limit = memory::limit();
    let rows = memory::rows(limit, rings);
    if let Some(limit) = limit.filter(|_| rows < memory::rows(None, rings)) {
        tracing::info!(
            "the table has {rows} rows, because the cgroup allows {} MiB of memory: more sockets \
             are counted as refused; --max-connections sets another number",
            limit >> 20
        );
    }
    rows
}

/// Logs one line for each probe: its state and what is missing without it; then what hides a part
/// of the machine.
fn log_probes(kernel: &Kernel) {
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
    for sentence in sight::sentences(&sight::limits()) {
        tracing::warn!("{sentence}");
    }
    if let Some(lacking) = sight::lacking() {
        tracing::info!("{lacking}");
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
    if let Err(error) = privileges::forbid_gains() {
        tracing::debug!(%error, "the bounding set of capabilities stays as it is");
    }
    match privileges::drop_unneeded() {
        Ok(kept) => tracing::info!(kept = kept.join(","), "privileges dropped"),
        Err(error) => tracing::warn!(%error, "privileges could not be dropped"),
    }
}
