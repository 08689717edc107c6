//! The housekeeping thread: slow reads that a scrape must not make, once a second.
//!
//! Started by `run`. Reads what the kernel tells of the programs and of this process, and asks for a
//! reconcile pass where the kernel ran neither state probe for a transition.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use procfs::process::{LimitValue, Process};

use crate::kernel::probe::STATE_PROBES;
use crate::kernel::run_stats::{ProgramRuns, RunStats};
use crate::metrics::SharedStats;
use crate::metrics::stats::ProcessSample;
use crate::sparing::Sparing;

/// How often everything is read.
const EVERY: Duration = Duration::from_secs(1);

/// Reads and does the `chores` once now and then every second, until `stop` closes.
pub fn run(runs: &RunStats, stats: &SharedStats, chores: &mut [&mut dyn FnMut()], pass_wanted: &SyncSender<()>, stop: &Receiver<()>) {
    let mut unseen = Unseen::default();
    loop {
        let programs: Vec<_> = runs.read().collect();
        for chore in chores.iter_mut() {
            chore();
        }
        let process = sample();
        stats.update(|stats| {
            for (name, program) in &programs {
                if let Some(probe) = stats.probes.iter_mut().find(|probe| probe.name == *name) {
                    probe.misses = program.missed;
                    probe.runs = (program.runs > 0).then(|| (program.runs, Duration::from_nanos(program.nanoseconds).as_secs_f64()));
                }
            }
            stats.process = process.unwrap_or(stats.process);
            stats.unseen = unseen.update(&programs, stats.kernel.second);
        });
        if unseen.has_grown() {
            // One that is already wanted is enough.
            let _ = pass_wanted.try_send(());
        }
        if stop.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// Transitions that no program was run for.
#[derive(Default)]
struct Unseen {
    /// Skipped runs of the first program, at the reading before.
    skipped: u64,
    /// How many transitions went unseen.
    count: u64,
    grown: bool,
    warning: Sparing,
}

impl Unseen {
    /// Takes new readings: `second` is how often the second program was there instead.
    ///
    /// It is compared with the skips of the reading before: the two are not read at one moment, and a skip that
    /// the second program is about to make good is no loss.
    fn update(&mut self, programs: &[(&'static str, ProgramRuns)], second: u64) -> u64 {
        let count = self.count.max(self.skipped.saturating_sub(second));
        self.grown = count > self.count;
        if let Some(transitions) = self.grown.then(|| self.warning.add(count - self.count)).flatten() {
            tracing::warn!(transitions, "the kernel ran no program for some transitions; a reconcile pass corrects the table");
        }
        self.count = count;
        self.skipped = programs.iter().filter(|(name, _)| *name == STATE_PROBES[0]).map(|(_, program)| program.missed).sum();
        count
    }

    /// Whether the last readings added any.
    fn has_grown(&self) -> bool {
        self.grown
    }
}

/// What `/proc` tells of this process; nothing where it cannot be read.
fn sample() -> Option<ProcessSample> {
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    // Ticks of a process do not come near the range in which a double loses units.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let ticks = |count: u64| count as f64 / procfs::ticks_per_second() as f64;
    let since_boot = ticks(stat.starttime);
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => most,
        LimitValue::Unlimited => u64::MAX,
    };
    Some(ProcessSample {
        cpu_seconds: ticks(stat.utime + stat.stime),
        resident_bytes: stat.rss * procfs::page_size(),
        open_fds: u64::try_from(process.fd_count().ok()?).ok()?,
        max_fds,
        #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time")]
        start_time: procfs::boot_time_secs().ok()? as f64 + since_boot,
    })
}
