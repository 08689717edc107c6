//! When the next pass begins after a pass, as losses ask for it.
//!
//! Used by the reconcile thread. Guarantees: however many losses there are, passes take a tenth of
//! one CPU at the most, or are an interval apart: where the machine is so busy that a pass takes
//! long without doing much, the next one comes all the same. The pass that follows the end of a
//! burst of losses does not wait for that, but never two in a row.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The least time between two passes, however much is lost.
const GAP: Duration = Duration::from_millis(200);
/// How long nothing may be lost until a burst of losses counts as ended.
const QUIET: Duration = Duration::from_millis(500);
/// A pass comes at the earliest after so many times the length of the one before.
const PAUSE_FACTOR: u32 = 20;

/// What the last passes were for.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time between passes without a loss.
    interval: Duration,
    /// Whether the last pass looked again for rows that the one before had missed.
    rechecking: bool,
    /// Whether the last pass came early, at the end of a burst.
    early: bool,
}

impl Pace {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, rechecking: false, early: false }
    }

    /// Waits the least time after a pass that took `took`. `again` says that it missed rows, for
    /// which another pass looks at once; `lost` says when something is lost. Returns how long the
    /// next pass may still be put off; `None` where the agent stops.
    pub(super) fn wait(
        &mut self,
        lost: &Receiver<()>,
        took: Duration,
        again: bool,
    ) -> Option<Duration> {
        // A pass that looks again for missed rows follows at once, but not another one after it.
        self.rechecking = again && !self.rechecking;
        let least = if self.rechecking {
            GAP
        } else {
            GAP.max(took * PAUSE_FACTOR).min(self.interval.max(GAP))
        };
        let may_come_early = !std::mem::take(&mut self.early);
        let end = Instant::now() + least;
        let mut quiet: Option<Instant> = None;
        let mut due = again;
        loop {
            let until = quiet.filter(|_| may_come_early).map_or(end, |quiet| quiet.min(end));
            match lost.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(()) => (due, quiet) = (true, Some(Instant::now() + QUIET)),
                Err(RecvTimeoutError::Timeout) => {
                    self.early = until < end;
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        Some(if due { Duration::ZERO } else { self.interval.saturating_sub(least) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    /// After a pass of so long, another one is due no earlier than after two seconds, or a minute.
    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(5);
    const AFTER_SHORT: Duration = Duration::from_secs(2);
    const AFTER_LONG: Duration = Duration::from_mins(1);

    fn waited(
        pace: &mut Pace,
        lost: &Receiver<()>,
        took: Duration,
        again: bool,
    ) -> (Duration, Option<Duration>) {
        let start = Instant::now();
        let rest = pace.wait(lost, took, again);
        (start.elapsed(), rest)
    }

    #[test]
    fn the_end_of_a_burst_is_followed_by_a_pass_and_the_next_burst_waits() {
        let (told, lost) = sync_channel(1);
        let mut pace = Pace::new(Duration::from_mins(1));
        let burst = || {
            let told = told.clone();
            thread::spawn(move || {
                for _ in 0..30 {
                    let _ = told.try_send(());
                    thread::sleep(Duration::from_millis(20));
                }
            })
        };
        let first = burst();
        let (took, rest) = waited(&mut pace, &lost, LONG, false);
        assert!((QUIET..AFTER_LONG).contains(&took), "{took:?}");
        assert_eq!(rest, Some(Duration::ZERO));
        first.join().unwrap();
        let second = burst();
        let (took, rest) = waited(&mut pace, &lost, SHORT, false);
        assert!(took >= AFTER_SHORT, "two early passes in a row: {took:?}");
        assert_eq!(rest, Some(Duration::ZERO));
        second.join().unwrap();
    }

    #[test]
    fn without_a_loss_a_pass_comes_after_the_interval_and_for_missed_rows_once_at_once() {
        let (told, lost) = sync_channel(1);
        let mut pace = Pace::new(Duration::from_mins(1));
        let (took, rest) = waited(&mut pace, &lost, LONG, true);
        assert!(took < AFTER_LONG, "for missed rows: {took:?}");
        assert_eq!(rest, Some(Duration::ZERO));
        let (took, rest) = waited(&mut pace, &lost, SHORT, true);
        assert!(took >= AFTER_SHORT, "twice for missed rows: {took:?}");
        assert_eq!(rest, Some(Duration::ZERO));
        let (_took, rest) = waited(&mut pace, &lost, SHORT, false);
        assert_eq!(rest, Some(Duration::from_secs(58)));
        drop(told);
        assert_eq!(pace.wait(&lost, SHORT, false), None, "the agent stops");
    }
}
