//! The reconcile thread: every so often, at once after a loss, and where an owner is in doubt, it
//! walks all network namespaces, reads the kernel's own lists and hands them to the ingest thread,
//! piece by piece.
//!
//! It owns the loaded kernel side, because opening an iterator needs it, and gives it back at the
//! end.

mod lists;
mod pace;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::conn::PassSummary;
use crate::ingest::{Command, Handle, SharedTable, lock};
use crate::kernel::load::Kernel;
use crate::kernel::namespaces::{Home, Search};
use crate::kernel::probe::{DESCRIPTOR_LIST, SOCKET_LIST};
use crate::kernel::sight;
use crate::lister::Listers;
use crate::metrics::SharedStats;
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::rate_limited::RateLimited;
use crate::verify::{self, Verify};

pub(crate) use pace::Pace;

/// How often the table is asked whether owners are in doubt.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two readings of descriptors and settings.
const READINGS_APART: Duration = Duration::from_secs(10);

/// The thread's state.
pub(crate) struct Reconcile {
    /// The loaded kernel side.
    pub(crate) kernel: Kernel,
    /// The processes that read lists of sockets.
    pub(crate) listers: Listers,
    /// The namespace that the thread lives in.
    pub(crate) home: Home,
    /// To the ingest thread; bounded, so that lists are read as fast as they are applied.
    pub(crate) commands: SyncSender<Command>,
    /// To wake it.
    pub(crate) ingest: Handle,
    /// Somebody noticed a loss; closed when the agent stops.
    pub(crate) wanted: Receiver<()>,
    /// Asked whether owners are in doubt.
    pub(crate) table: SharedTable,
    /// When owners are verified.
    pub(crate) verify: Verify,
    /// Where namespaces are looked for: in threads too where the last pass had rows that it could
    /// not look at, or looked at some with a thread's help.
    pub(crate) search: Search,
    /// Set when the first pass has ended.
    pub(crate) ready: Arc<AtomicBool>,
    /// When the next pass is due.
    pub(crate) pace: Pace,
    /// When `/proc` was last read at length.
    pub(crate) readings: Option<Instant>,
    /// Told what the passes could not look into.
    pub(crate) stats: SharedStats,
    /// The warning about corrections.
    pub(crate) warning: RateLimited,
}

impl Reconcile {
    /// Makes passes until the agent stops; gives the kernel side back.
    pub(crate) fn run(mut self) -> Kernel {
        if !self.has(SOCKET_LIST) {
            // Its absence has been told by name; the agent goes on with what the probes tell.
            self.ready.store(true, Ordering::Release);
            while self.wanted.recv().is_ok() {}
            return self.kernel;
        }
        loop {
            let started = Instant::now();
            let mut again = false;
            match self.pass() {
                Ok(summary) => {
                    self.read_pressure();
                    again = self.report(summary);
                    self.ready.store(true, Ordering::Release);
                }
                Err(Stop::Ended) => return self.kernel,
                Err(Stop::Failed(error)) => {
                    tracing::warn!(%error, "the reconcile pass failed; the next one tries again");
                }
            }
            if !self.pause(started.elapsed(), again) {
                return self.kernel;
            }
        }
    }

    /// Logs what a pass found; returns whether another one is due at once.
    fn report(&mut self, summary: PassSummary) -> bool {
        let corrected: u64 = summary.corrections.iter().sum();
        if corrected == 0 {
            tracing::debug!(
                rows = summary.rows,
                "the connection table agrees with the kernel's socket list"
            );
        } else if let Some(rows) = self.warning.add(corrected) {
            tracing::warn!(rows, "the connection table was corrected");
        }
        summary.missed_once > 0
    }

    /// Tells how many network namespaces no look was possible at; the log says it when that begins.
    fn tell_unread(&mut self, unread: usize) {
        let (limit, mut begins) = (sight::namespaces(unread), false);
        self.stats.update(|stats| begins = stats.note_limit(limit));
        if begins {
            tracing::warn!(unread, "{}", limit.sentence);
        }
    }

    /// Waits until the next pass is due: after the interval, or earlier where one is due at once,
    /// somebody noticed a loss, or an owner is in doubt; false where the agent stops.
    fn pause(&mut self, took: Duration, again: bool) -> bool {
        let since = Instant::now();
        let Some(rest) = self.pace.wait(&self.wanted, took, again) else { return false };
        self.rest(Instant::now() + rest, since + took * verify::SHARE)
    }

    /// Waits until `end`, or until somebody noticed a loss, or, not before `early`, an owner is in
    /// doubt; false where the agent stops.
    fn rest(&mut self, end: Instant, early: Instant) -> bool {
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            match self.wanted.recv_timeout(rest.min(LOOK)) {
                Ok(()) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) if rest <= LOOK => return true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= early
                && self.has(DESCRIPTOR_LIST)
                && self.verify.is_due(&self.table)
            {
                tracing::debug!("owners are in doubt: a pass comes early");
                return true;
            }
        }
    }

    /// Whether a probe of that name works.
    fn has(&self, name: &str) -> bool {
        self.kernel.probes().iter().any(|(probe, state)| probe.name == name && state.is_attached())
    }

    /// Reads what changes slowly, where the last time is long enough ago: in the own namespace,
    /// where every pass ends, and without holding the table meanwhile.
    fn read_pressure(&mut self) {
        // What a strange namespace says would be taken for the own one's.
        if self.readings.is_some_and(|last| last.elapsed() < READINGS_APART)
            || self.home.ensure_inside().is_err()
        {
            return;
        }
        self.readings = Some(Instant::now());
        let owners = lock(&self.table).view().owners(self.listers.number());
        let descriptors: Vec<_> = owners.into_iter().filter_map(Descriptors::read).collect();
        let host = Host::read();
        lock(&self.table).take_readings(host, descriptors.into_iter());
    }
}

/// Why a pass did not come to its end.
enum Stop {
    /// The agent stops.
    Ended,
    /// The kernel refused.
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
