//! The ingest thread: rings and iterators in, connection table up to date.
//!
//! Started by `run`. It is the only writer of the table but for the names of workloads, which
//! another thread tells. It sleeps until the drain interval ends, the kernel side reports a ring
//! that fills, or the reconcile thread sends a slice of a list. It waits for nobody: for a reader
//! of the table no longer than a snapshot takes, for a socket never.

mod command;
mod counters;
pub mod decode;
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
use crate::conn::{PassSummary, Table};
use crate::kernel::load::Maps;
use crate::metrics::SharedStats;
use crate::metrics::stats::DecodeErrors;
use crate::rate_limited::RateLimited;

/// The most records that are applied before readers of the table get a chance.
const BATCH: usize = 4096;
/// The most batches before the thread looks at other things: a quarter of a million records.
const BATCHES: usize = 64;
/// The rows of the table that a pass looks at between two looks at the rings: some milliseconds at
/// the most.
const SLICE: usize = 4096;
/// How long readers of the table have it for themselves between two slices.
const BREATH: Duration = Duration::from_micros(50);
/// The rows that may grow past an age between two looks at the kernel side's counters.
const AGING: usize = 16 * SLICE;
/// How often, and how long apart, the rings are drained to catch up with the kernel's count.
const CATCH_UP_TRIES: usize = 50;
const CATCH_UP_PAUSE: Duration = Duration::from_micros(100);
/// How often the kernel side's counters are read.
const COUNT_EVERY: Duration = Duration::from_millis(250);
/// How often the table gives back labels that nobody uses, nanoseconds.
const TIDY_EVERY: u64 = 10_000_000_000;

const RING: Token = Token(0);
const WAKE: Token = Token(1);

/// The table, shared with those who read it.
pub type SharedTable = Arc<Mutex<Table>>;

/// The thread's state.
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
    tidied_at: u64,
    lost: u64,
    warning: RateLimited,
    /// Transitions that the kernel counted and no ring will bring, as far as is known.
    missing: u64,
}

impl Ingest {
    /// Prepares the thread.
    ///
    /// # Errors
    /// Where the kernel has no more descriptors to give.
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
        // Edge-triggered: a ring that merely holds records does not end the sleep, the kernel
        // side's wake-up does.
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
            tidied_at: 0,
            lost: 0,
            warning: RateLimited::default(),
            missing: 0,
        })
    }

    /// What other threads need to talk to this one.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Goes round until told to stop, then drains what is left.
    ///
    /// # Errors
    /// Where waiting for the ring fails; the table is then no longer kept.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        while !self.handle.stop.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, Some(self.interval)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.go_round();
            self.step();
            self.tidy();
        }
        self.drain();
        self.count(true);
        Ok(())
    }

    /// What has to be done all the time, whatever else takes long.
    fn go_round(&mut self) {
        self.drain();
        self.count(false);
        self.handle.beat.store(monotonic(), Ordering::Release);
    }

    /// Applies what is in the rings; where they fill faster than this, some of it.
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

    /// Drains until everything that the kernel has counted by now is applied. A ring may hold a
    /// record that is reserved and not submitted, because its writer was interrupted, and
    /// everything behind it is hidden until then.
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
        // What has not come by now is not waited for again.
        self.missing = carried.saturating_sub(self.rings.states_read());
    }

    /// Reads the kernel side's counters when it is time, and asks for a pass after a loss.
    fn count(&mut self, now: bool) {
        let time = monotonic();
        if !now
            && time.saturating_sub(self.counted_at)
                < u64::try_from(COUNT_EVERY.as_nanos()).unwrap_or(u64::MAX)
        {
            return;
        }
        self.counted_at = time;
        lock(&self.table).age(time, AGING);
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
            self.lost = lost;
            // One that is already wanted is enough.
            let _ = self.wishes.pass.try_send(());
        }
    }

    /// Has workloads named that wait for it, and now and then gives labels back.
    fn tidy(&mut self) {
        let now = monotonic();
        let mut table = lock(&self.table);
        if now.saturating_sub(self.tidied_at) >= TIDY_EVERY {
            self.tidied_at = now;
            table.tidy(now);
        }
        if table.wants_workloads() {
            let _ = self.wishes.workload.try_send(());
        }
        drop(table);
        self.in_slices(Table::settle);
    }

    /// Has the table do something in slices, with records between them, until it says that there is
    /// no more.
    fn in_slices(&mut self, mut slice: impl FnMut(&mut Table, usize) -> bool) {
        while slice(&mut lock(&self.table), SLICE) {
            self.go_round();
            // A lock that is taken again at once leaves nobody else a chance.
            thread::sleep(BREATH);
        }
    }

    /// Does something with the table that must find no planned moves, or would make them in one go.
    fn after_moves(&mut self, act: impl Fn(&mut Table)) {
        self.in_slices(|table, places| {
            table.work_off(places) || {
                act(table);
                false
            }
        });
    }

    /// Ends a pass, slice by slice, with the records that come between.
    fn finish(&mut self) -> PassSummary {
        let mut summary = None;
        self.in_slices(|table, places| {
            summary = table.proceed(monotonic(), places);
            summary.is_none()
        });
        summary.unwrap_or_default()
    }

    /// Does what the reconcile thread asks.
    fn step(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Begin => self.after_moves(|table| table.begin_pass(monotonic())),
                Command::Facts(facts) => lock(&self.table).pass_facts(facts),
                Command::Slice(records) => {
                    self.catch_up();
                    let mut table = lock(&self.table);
                    for record in &records {
                        apply(&mut table, record);
                    }
                    drop(table);
                    self.in_slices(Table::work);
                }
                Command::End(covered, reply) => {
                    self.catch_up();
                    lock(&self.table).finish_pass(covered);
                    let summary = self.finish();
                    // The reconcile thread may have gone; then nobody asks.
                    let _ = reply.send(summary);
                }
                Command::Abort => self.after_moves(Table::abort_pass),
            }
        }
    }
}

/// Brings one record to the table.
pub fn apply(table: &mut Table, record: &Record) {
    match record {
        Record::State(state) => table.transition(state),
        Record::Close(close) => table.close(close),
        Record::Retransmit(retransmit) => table.retransmit(retransmit),
        Record::SynAck(retransmit) => table.synack_retransmit(retransmit),
        Record::Socket(socket) => table.pass_socket(socket),
        Record::Holder(holder) => table.pass_holder(holder),
    }
}

/// Locks the table. A reader that panicked has not changed it.
pub fn lock(table: &SharedTable) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
