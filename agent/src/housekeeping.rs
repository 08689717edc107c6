//! The housekeeping thread: once a second it makes slow readings that a scrape must not make.
//!
//! Started by `run`. It reads the run statistics of the programs and the resources of this process,
//! and requests a reconcile pass if the kernel ran neither state probe for some transition. It ends
//! if a probe is detached from outside, and the agent with it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use procfs::process::{LimitValue, Process};

use crate::clock::monotonic;
use crate::kernel::probe::{ProbeState, STATE_PROBES};
use crate::kernel::run_stats::{ProgramRuns, RunStats};
use crate::metrics::SharedStats;
use crate::metrics::stats::{Probe, ProcessSample};
use crate::rate_limited::RateLimited;

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);

/// Work that the thread does in each round, besides its readings.
pub(crate) type Chore = Box<dyn FnMut() + Send>;

/// Reads and does the `chores` now and then every second, until the other end of `stop` is gone,
/// or a probe is detached, which it returns: what the probe fed would stand still.
pub(crate) fn run(
    runs: &RunStats,
    stats: &SharedStats,
    chores: &mut [Chore],
    pass_wanted: &SyncSender<()>,
    stop: &Receiver<()>,
) -> Option<String> {
    let mut unseen = Unseen::default();
    let mut started = None;
    loop {
        if let Some(probe) = runs.detached() {
            stats.update(|stats| note_detached(&mut stats.probes, probe));
            return Some(format!("the probe {probe} was detached by another process"));
        }
        let programs: Vec<_> = runs.read().collect();
        for chore in chores.iter_mut() {
            chore();
        }
        let process = sample(&mut started);
        stats.update(|stats| {
            for (name, program) in &programs {
                if let Some(probe) = stats.probes.iter_mut().find(|probe| probe.name == *name) {
                    probe.misses = program.missed;
                    probe.runs = (program.runs > 0).then(|| {
                        (program.runs, Duration::from_nanos(program.nanoseconds).as_secs_f64())
                    });
                }
            }
            stats.process = process.unwrap_or(stats.process);
            stats.unseen =
                unseen.update(monotonic(), &programs, stats.counted_at, stats.kernel.second);
        });
        if unseen.has_grown() {
            // If the channel is full, a pass has been requested already.
            let _ = pass_wanted.try_send(());
        }
        if stop.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return None;
        }
    }
}

/// Notes that a probe no longer works.
fn note_detached(probes: &mut [Probe], name: &str) {
    if let Some(probe) = probes.iter_mut().find(|probe| probe.name == name) {
        probe.state = ProbeState::Failed("detached by another process".to_owned());
    }
}

/// Counts transitions for which the kernel ran neither state probe.
#[derive(Default)]
struct Unseen {
    /// How many runs of the first program the kernel had skipped at the previous reading.
    skipped: u64,
    /// The time of that reading, nanoseconds of [`monotonic`].
    read_at: u64,
    /// How many transitions no program has seen.
    count: u64,
    /// Whether the last reading increased `count`.
    grown: bool,
    warning: RateLimited,
}

impl Unseen {
    /// Adds a reading made at `now`; `fallback` is how often the second program has handled a
    /// transition in place of the first, read at `counted_at`. Returns the count.
    ///
    /// `fallback` is compared with the skips of the previous reading: the two are not read at one
    /// instant, and a skip that the second program is about to handle is no loss.
    fn update(
        &mut self,
        now: u64,
        programs: &[(&'static str, ProgramRuns)],
        counted_at: u64,
        fallback: u64,
    ) -> u64 {
        self.grown = false;
        if counted_at <= self.read_at {
            return self.count;
        }
        let count = self.count.max(self.skipped.saturating_sub(fallback));
        self.grown = count > self.count;
        if let Some(transitions) =
            self.grown.then(|| self.warning.add(count - self.count)).flatten()
        {
            tracing::warn!(
                transitions,
                "the kernel ran no program for some transitions; a reconcile pass corrects the \
                 table"
            );
        }
        (self.count, self.read_at) = (count, now);
        self.skipped = programs
            .iter()
            .filter(|(name, _)| *name == STATE_PROBES[0])
            .map(|(_, program)| program.missed)
            .sum();
        count
    }

    /// Returns whether the last reading increased the count.
    fn has_grown(&self) -> bool {
        self.grown
    }
}

/// Reads the resources of this process from `/proc`; `None` if that fails. The first call sets when
/// it `started`, seconds of Unix time: the kernel's time of the boot moves with the wall clock, and
/// a start time that moves would be a restart to who reads it.
fn sample(started: &mut Option<f64>) -> Option<ProcessSample> {
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    // Ticks of a process do not come near the range in which a double loses units.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let ticks = |count: u64| count as f64 / procfs::ticks_per_second() as f64;
    if started.is_none() {
        #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time")]
        let boot = procfs::boot_time_secs().ok()? as f64;
        *started = Some(boot + ticks(stat.starttime));
    }
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => most,
        LimitValue::Unlimited => u64::MAX,
    };
    Some(ProcessSample {
        cpu_seconds: ticks(stat.utime + stat.stime),
        resident_bytes: stat.rss * procfs::page_size(),
        open_fds: u64::try_from(process.fd_count().ok()?).ok()?,
        max_fds,
        start_time: (*started)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(missed: u64) -> [(&'static str, ProgramRuns); 2] {
        let runs = |missed| ProgramRuns { missed, ..ProgramRuns::default() };
        [(STATE_PROBES[0], runs(missed)), (STATE_PROBES[1], runs(1000))]
    }

    #[test]
    fn the_start_of_the_process_is_read_once() {
        let mut started = None;
        let first = sample(&mut started).unwrap().start_time;
        assert!(first > 1.0e9, "{first}");
        let mut moved = Some(first - 3600.0);
        assert!((sample(&mut moved).unwrap().start_time - (first - 3600.0)).abs() < 1e-6);
    }

    #[test]
    fn only_what_both_programs_missed_is_unseen() {
        let mut unseen = Unseen::default();
        assert_eq!(unseen.update(10, &skipped(5), 9, 0), 0, "nothing to compare with yet");
        assert_eq!(
            unseen.update(20, &skipped(9), 19, 5),
            0,
            "the second program was there each time"
        );
        assert_eq!(unseen.update(30, &skipped(9), 29, 7), 2);
        assert!(unseen.has_grown());
        assert_eq!(unseen.update(40, &skipped(9), 39, 7), 2);
        assert!(!unseen.has_grown());
    }

    #[test]
    fn skips_are_not_compared_with_an_older_count() {
        let mut unseen = Unseen::default();
        assert_eq!(unseen.update(10, &skipped(5), 9, 5), 0);
        assert_eq!(unseen.update(20, &skipped(90), 9, 5), 0, "the counters were not read since");
        assert_eq!(unseen.update(30, &skipped(90), 25, 90), 0);
        assert_eq!(
            unseen.update(40, &skipped(90), 39, 80),
            10,
            "of those it was not there for ten"
        );
    }
}
