//! A ring of samples at equal distances.
//!
//! Used by `history`. Guarantee: it never has more samples than it was made for.

use std::collections::VecDeque;
use std::time::Duration;

use catalogue::labels::SocketState;
use serde::{Deserialize, Serialize};

use super::{Moment, Quantity};
use crate::conn::Totals;

/// The clocks of one moment are not read at once, and the time asleep is told to this.
const ASLEEP: u64 = 1_000_000_000;

/// What the table counted at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// The time since the sample before it, milliseconds.
    after: u32,
    /// Whether the time between it and the sample before was not measured.
    gap: bool,
    states: [u32; SocketState::COUNT],
    time_wait: u32,
    opened: u64,
    closed: u64,
    failed: u64,
    retransmitted: u64,
}

/// A ring as it lies in a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// When the newest sample was taken.
    last: Moment,
    samples: Vec<Sample>,
}

/// A line without a gap: ages in seconds, the oldest first, with a value each.
pub(crate) type Run = Vec<(f64, f64)>;

/// Samples, the oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    interval: Duration,
    most: usize,
    samples: VecDeque<Sample>,
    last: Option<Moment>,
    due: u64,
    /// Whether the newest sample is another agent's, whose counters were others.
    resumed: bool,
}

impl Ring {
    /// Returns an empty ring of `most` samples, one every `interval`.
    pub(super) fn new(interval: Duration, most: usize) -> Self {
        Self {
            interval,
            most,
            samples: VecDeque::with_capacity(most),
            last: None,
            due: 0,
            resumed: false,
        }
    }

    /// Returns the time that it covers when it is full.
    #[must_use]
    pub(crate) fn span(&self) -> Duration {
        self.interval * u32::try_from(self.most.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Returns for how many it has room.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.samples.capacity()
    }

    pub(super) fn is_due(&self, now: Moment) -> bool {
        now.awake >= self.due
    }

    /// Adds a sample, if one is due.
    pub(super) fn add(&mut self, now: Moment, totals: &Totals) {
        if !self.is_due(now) {
            return;
        }
        let interval = nanoseconds(self.interval);
        let (after, gap) = self.last.map_or((0, true), |last| {
            let (awake, all) =
                (now.awake.saturating_sub(last.awake), now.all.saturating_sub(last.all));
            let passed = all.max(awake);
            // Half an interval late is late; what is asked once a second is a second late.
            let is_late = awake > interval + interval / 2;
            (passed, is_late || all.saturating_sub(awake) > ASLEEP)
        });
        let resumed = std::mem::take(&mut self.resumed);
        let gap = gap || resumed || self.samples.back().is_some_and(|it| it.counts_more(totals));
        if self.samples.len() >= self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample::new(after, gap, totals));
        // In step, unless it is the first or was late.
        let next = if self.last.is_some() { self.due.saturating_add(interval) } else { 0 };
        self.last = Some(now);
        self.due = if next > now.awake { next } else { now.awake.saturating_add(interval) };
    }

    /// Returns the lines of a quantity, the oldest first, one for each time without a gap. A number
    /// of sockets has a point for each sample, a rate one for each sample but the first of a line.
    #[must_use]
    pub(crate) fn lines(&self, of: Quantity, now: Moment) -> Vec<Run> {
        let since_last = self.last.map_or(0, |last| now.all.saturating_sub(last.all));
        let mut age = Duration::from_nanos(since_last).as_secs_f64();
        let mut lines: Vec<Run> = vec![Run::new()];
        let places = 0..self.samples.len();
        let oldest = (self.span() + self.interval).as_secs_f64();
        for (sample, before) in places.rev().map(|at| {
            let before = at.checked_sub(1).and_then(|at| self.samples.get(at));
            (&self.samples[at], before)
        }) {
            // What was before the machine slept for long.
            if age > oldest {
                break;
            }
            if let (Some(value), Some(line)) = (sample.value(of, before), lines.last_mut()) {
                line.push((age, value));
            }
            if sample.gap {
                lines.push(Run::new());
            }
            age += f64::from(sample.after) / 1000.0;
        }
        lines.retain(|line| !line.is_empty());
        lines.reverse();
        for line in &mut lines {
            line.reverse();
        }
        lines
    }
}

impl Ring {
    /// Returns what a file keeps of it; `None` if there is no sample.
    pub(super) fn keep(&self) -> Option<Kept> {
        self.last.map(|last| Kept { last, samples: self.samples.iter().copied().collect() })
    }

    /// Takes the samples of an agent before this one over, if it has none of its own and they are
    /// not from later than `now`.
    pub(super) fn resume(&mut self, kept: Kept, now: Moment) {
        let Kept { last, mut samples } = kept;
        let is_past = last.awake <= now.awake && last.all <= now.all;
        if self.last.is_some() || samples.is_empty() || !is_past {
            return;
        }
        let newest = samples.split_off(samples.len().saturating_sub(self.most));
        self.samples.extend(newest);
        self.last = Some(last);
        // In time, unless the agent was away for longer.
        self.due = last.awake.saturating_add(nanoseconds(self.interval));
        self.resumed = true;
    }

    /// Returns the value of the newest sample; `None` if it has none, or is older than one and a
    /// half intervals.
    #[must_use]
    pub(crate) fn newest(&self, of: Quantity, now: Moment) -> Option<f64> {
        let (age, value) = *self.lines(of, now).last()?.last()?;
        (age <= 1.5 * self.interval.as_secs_f64()).then_some(value)
    }
}

impl Sample {
    fn new(after: u64, gap: bool, totals: &Totals) -> Self {
        let short = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            after: short(after / 1_000_000),
            gap,
            states: totals.states.map(short),
            time_wait: short(totals.time_wait),
            opened: totals.opened,
            closed: totals.closed,
            failed: totals.failed,
            retransmitted: totals.retransmitted,
        }
    }

    const fn counters(&self) -> [u64; 4] {
        [self.opened, self.closed, self.failed, self.retransmitted]
    }

    /// Returns whether it counts more than what came after it: counters never go down.
    fn counts_more(&self, totals: &Totals) -> bool {
        let after = [totals.opened, totals.closed, totals.failed, totals.retransmitted];
        self.counters().iter().zip(after).any(|(before, after)| *before > after)
    }

    /// Returns the value of a quantity; of a rate it is the mean since the sample before, `None`
    /// behind a gap.
    fn value(&self, of: Quantity, before: Option<&Self>) -> Option<f64> {
        let count = |sample: &Self| match of {
            Quantity::Opened => sample.opened,
            Quantity::Closed => sample.closed,
            Quantity::Failed => sample.failed,
            Quantity::Retransmitted => sample.retransmitted,
            Quantity::State(_) | Quantity::TimeWait => 0,
        };
        match of {
            Quantity::State(state) => Some(f64::from(self.states[state.index()])),
            Quantity::TimeWait => Some(f64::from(self.time_wait)),
            _ if self.gap || self.after == 0 => None,
            _ => {
                let more = count(self).saturating_sub(count(before?));
                #[expect(clippy::cast_precision_loss, reason = "a count of seconds or minutes")]
                let more = more as f64;
                Some(more / (f64::from(self.after) / 1000.0))
            }
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
