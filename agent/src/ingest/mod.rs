//! The ingest thread: rings and iterators in, connection table up to date.
//!
//! Started by `run`. It is the only writer of the table, except for the names of workloads, which
//! another thread sets. It sleeps until the drain interval ends, the kernel side reports that a
//! ring fills, or the reconcile thread sends a piece of a list. It waits for a reader of the table
//! no longer than a snapshot takes, and never for a socket.

mod command;
mod counters;
pub mod decode;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod handle;
pub mod pass;
pub mod rings;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

pub use self::command::{Command, Wishes};
pub use self::counters::Counters;
use self::decode::Record;
pub use self::handle::Handle;
use self::rings::Rings;
use crate::clock::monotonic;
use crate::conn::{Budget, Covered, Nanos, PassRequest, PassSummary, Progress, Table};
use crate::kernel::load::Maps;
use crate::metrics::SharedStats;
use crate::metrics::stats::DecodeErrors;
use crate::rate_limited::RateLimited;

/// The most records that are applied under one lock of the table.
const BATCH: usize = 4096;
/// The most batches between two looks at other things: a quarter of a million records. The lock is
/// free between two of them, but it is not fair: a reader may have to wait for them all.
const BATCHES: usize = 64;
/// The rows that a pass looks at between two looks at the rings, which takes at most some
/// milliseconds.
const SLICE: Budget = Budget::rows(4096);
/// How long the thread leaves the table to its readers between two slices.
const BREATH: Duration = Duration::from_micros(50);
/// How often, and how long apart, the rings are drained to catch up with the kernel's count.
const CATCH_UP_TRIES: usize = 50;
const CATCH_UP_PAUSE: Duration = Duration::from_micros(100);
/// The time between two readings of the kernel side's counters.
const COUNT_EVERY: Duration = Duration::from_millis(250);
const RING: Token = Token(0);
const WAKE: Token = Token(1);

/// The table, shared with the threads that read it.
pub type SharedTable = Arc<Mutex<Table>>;

/// The state of the thread.
pub struct Ingest {
    rings: Rings<RingBuf<MapData>>,
    counters: Counters,
    table: SharedTable,
    stats: SharedStats,
    commands: Receiver<Command>,
    wishes: Wishes,
    interval: Duration,
    poll: Poll,
    handle: Handle,
    counted_at: u64,
    lost: u64,
    /// When that grew; `None` if it never did.
    lost_at: Option<Nanos>,
    warning: RateLimited,
    /// Transitions that the kernel counted and no ring will deliver, as far as is known.
    missing: u64,
}

impl Ingest {
    /// Prepares the thread.
    ///
    /// # Errors
    /// If the kernel has no more descriptors to give.
    pub fn new(
        maps: Maps,
        table: SharedTable,
        stats: SharedStats,
        interval: Duration,
        commands: Receiver<Command>,
        wishes: Wishes,
    ) -> io::Result<Self> {
        let rings = Rings::new(maps.states, maps.retransmits);
        let poll = Poll::new()?;
        // The registration is edge-triggered: records in a ring do not end the sleep, only the
        // kernel side's wake-up does.
        poll.registry().register(&mut SourceFd(&rings.wake_fd()), RING, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let handle =
            Handle { waker, stop: Arc::default(), beat: Arc::new(AtomicU64::new(monotonic())) };
        Ok(Self {
            rings,
            counters: Counters::new(maps.counters),
            table,
            stats,
            commands,
            wishes,
            interval,
            poll,
            handle,
            counted_at: 0,
            lost: 0,
            lost_at: None,
            warning: RateLimited::default(),
            missing: 0,
        })
    }

    /// Returns what other threads need to talk to this one.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until told to stop, then drains what is left.
    ///
    /// # Errors
    /// If waiting for the ring fails. The table is not kept up to date from then on.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        while !self.handle.stop.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, Some(self.interval)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.round();
            self.obey();
            self.work();
            self.ask_for_workloads();
        }
        self.drain();
        self.count(true);
        Ok(())
    }

    /// Does the work of every round, also while a longer task goes on.
    fn round(&mut self) {
        self.drain();
        self.count(false);
        self.handle.beat.store(monotonic(), Ordering::Release);
    }

    /// Applies what is in the rings, or a part of it if they fill faster than this.
    fn drain(&mut self) {
        for _ in 0..BATCHES {
            let mut table = lock(&self.table);
            let taken = self.rings.drain(BATCH, |record| apply(&mut table, record));
            drop(table);
            if taken < BATCH {
                return;
            }
        }
    }

    /// Drains until everything that the kernel has counted so far is applied. A ring may hold a
    /// record that is reserved but not submitted, because its writer was interrupted. Everything
    /// behind it is hidden until then.
    fn catch_up(&mut self) {
        let Ok(counters) = self.counters.read() else { return self.drain() };
        let carried = counters.states.saturating_sub(counters.states_lost);
        for _ in 0..CATCH_UP_TRIES {
            self.drain();
            if self.rings.states_read() + self.missing >= carried {
                return;
            }
            thread::sleep(CATCH_UP_PAUSE);
        }
        // Records that have not come by now are not waited for again.
        self.missing = carried.saturating_sub(self.rings.states_read());
    }

    /// Reads the kernel side's counters if it is time, and asks for a pass after a loss.
    fn count(&mut self, now: bool) {
        let time = monotonic();
        if !now
            && time.saturating_sub(self.counted_at)
                < u64::try_from(COUNT_EVERY.as_nanos()).unwrap_or(u64::MAX)
        {
            return;
        }
        self.counted_at = time;
        let counters = match self.counters.read() {
            Ok(counters) => counters,
            Err(error) => {
                tracing::warn!(%error, "cannot read the kernel side's counters");
                return;
            }
        };
        let lost = counters.states_lost + counters.retransmits_lost;
        let errors = self.rings.errors();
        self.stats.update(|stats| {
            stats.kernel = counters;
            stats.counted_at = time;
            let [truncated, oversized, unknown_kind, bad_state] = errors;
            stats.decode_errors = DecodeErrors { truncated, oversized, unknown_kind, bad_state };
        });
        if lost > self.lost {
            if let Some(records) = self.warning.add(lost - self.lost) {
                tracing::warn!(
                    records,
                    "the ring was full and records were lost; the table is being corrected"
                );
            }
            (self.lost, self.lost_at) = (lost, Some(Nanos::new(time)));
            // If a pass is already requested, that is enough.
            let _ = self.wishes.pass.try_send(());
        }
    }

    /// Wakes the resolver if a workload waits for its name. A request that waits already is enough.
    fn ask_for_workloads(&self) {
        if lock(&self.table).view().wants_workloads() {
            let _ = self.wishes.workload.try_send(());
        }
    }

    /// Lets the table do what is left to do, in slices with records between them. Returns what a
    /// pass has found, if one was committed.
    fn work(&mut self) -> Option<PassSummary> {
        loop {
            let progress = lock(&self.table).step(Nanos::new(monotonic()), SLICE);
            match progress {
                Progress::More => {}
                Progress::Done => return None,
                Progress::Committed(summary) => return Some(summary),
            }
            self.round();
            // `std::sync::Mutex` is not fair: relocking at once would starve the readers.
            thread::sleep(BREATH);
        }
    }

    /// Executes what the reconcile thread asks.
    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Facts(facts) => lock(&self.table).pass_facts(facts),
                Command::Piece(records) => {
                    self.catch_up();
                    let mut table = lock(&self.table);
                    for record in &records {
                        apply(&mut table, record);
                    }
                    drop(table);
                    self.work();
                }
                Command::Begin => self.request(PassRequest::Begin),
                Command::Abort => self.request(PassRequest::Abort),
                Command::End(covered, reply) => {
                    self.catch_up();
                    let covered = Covered { lost: self.lost_at, ..covered };
                    lock(&self.table).request(PassRequest::Commit(covered));
                    // If no pass was under way, nothing was found.
                    let summary = self.work().unwrap_or_default();
                    // If the reconcile thread has ended, nobody waits for the answer.
                    let _ = reply.send(summary);
                }
            }
        }
    }

    /// Asks the table to change the pass, and completes that.
    fn request(&mut self, request: PassRequest) {
        lock(&self.table).request(request);
        self.work();
    }
}

/// Applies one record to the table.
pub fn apply(table: &mut Table, record: &Record) {
    match record {
        Record::State(state) => table.transition(state),
        Record::Close(close) => table.close(close),
        Record::Retransmit(retransmit) => table.retransmit(retransmit),
        Record::SynAck(retransmit) => table.synack_retransmit(retransmit),
        Record::Socket(socket) => table.pass_socket(socket),
        Record::Holder(holder) => table.pass_holder(holder),
        Record::Child(child) => table.pass_child(child),
    }
}

/// Locks the table. A reader that panicked has not changed it, so poison is ignored.
pub fn lock(table: &SharedTable) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
