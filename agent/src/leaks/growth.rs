//! Whether a number of connections grows, since when, and how fast, from two windows of samples.
//!
//! Used by the judge and by what tells the time to exhaustion. The short window sees a leak within
//! a minute; the long one tells it from a pool that is recycled every quarter of an hour, and has
//! the better slope once it is full.

#[cfg(test)]
mod tests;

use crate::leaks::trend::{Exhaustion, Fit, MIN_SAMPLES, Sample, exhaustion_of};

/// A minute, seconds.
const MINUTE: f64 = 60.0;
/// The least rise that is growth, and the fewest intervals that it comes in.
const MIN_RISE: f64 = 3.0;
/// From so many samples on the long window decides.
const MIN_LONG: usize = 8;

/// One series in two resolutions, the oldest sample first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Series<'a> {
    /// The last minutes.
    pub(crate) fine: &'a [Sample],
    /// The last hours.
    pub(crate) long: &'a [Sample],
}

/// A stretch of samples that ends with the last one and rises all along.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rise<'a> {
    /// Its samples.
    pub(crate) samples: &'a [Sample],
    /// How long ago it began to rise, nanoseconds.
    pub(crate) over: u64,
    /// How much the value rose.
    pub(crate) by: f64,
    /// How long it may pause before the rise has ended, seconds, if it comes in steps that are
    /// several samples apart, else 0: what a job leaks every ten minutes is none the less a leak.
    pub(crate) pause: f64,
}

/// How fast a value changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// The change a minute; 0 if there is no trend, negative if the value falls.
    pub(crate) per_minute: f64,
    /// The time over which it was measured, nanoseconds.
    pub(crate) over: u64,
}

impl<'a> Series<'a> {
    /// Returns the samples at `time` (`CLOCK_MONOTONIC`, nanoseconds) or later.
    #[must_use]
    pub(crate) fn since(self, time: u64) -> Self {
        let cut = |samples: &'a [Sample]| {
            samples.get(samples.partition_point(|sample| sample.0 < time)..).unwrap_or_default()
        };
        Self { fine: cut(self.fine), long: cut(self.long) }
    }

    /// Returns the longest stretch that rises up to now, if it has risen for at least `over`
    /// nanoseconds to where the value had not been: a pool that is filled anew is no growth.
    #[must_use]
    pub(crate) fn rise(self, over: u64) -> Option<Rise<'a>> {
        let found = self.longest_rise(over)?;
        let (until, value) = *found.samples.last()?;
        let new = value - self.highest_before(until.saturating_sub(found.over));
        (new * 2.0 >= found.by).then_some(found)
    }

    /// Returns the longest rise in the long window if the short one rises from its first sample on,
    /// or if the rise is so slow, or comes in steps so far apart, that the short one cannot show
    /// it; else that in the short one.
    fn longest_rise(self, over: u64) -> Option<Rise<'a>> {
        let fine = rise(self.fine, over);
        let Some(long) = rise(self.long, over) else { return fine };
        let reach = self.fine.last()?.0.saturating_sub(self.fine.first()?.0);
        let share = seconds(reach) / seconds(long.over);
        match fine {
            Some(fine) if fine.samples.len() < self.fine.len() => Some(fine),
            Some(fine) if long.over < fine.over => Some(fine),
            Some(_) => Some(long),
            None => {
                (long.by * share < 2.0 * MIN_RISE || long.pause > seconds(reach)).then_some(long)
            }
        }
    }

    /// Returns the highest value before a time; minus infinity if there is none.
    fn highest_before(self, time: u64) -> f64 {
        let earlier = |sample: &&Sample| sample.0 < time;
        let samples = self.long.iter().chain(self.fine).filter(earlier);
        samples.map(|sample| sample.1).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Returns how fast the value grows or shrinks now, measured since the rise began if it rises.
    /// Returns `None` if the samples reach back less than `least` nanoseconds, or if the value
    /// rises but not yet long enough for the trend test at the threshold `z`.
    #[must_use]
    pub(crate) fn growth(self, z: f64, least: u64) -> Option<Growth> {
        let over = |samples: &[Sample]| Some(samples.last()?.0.saturating_sub(samples.first()?.0));
        let told = |samples, fit: &Fit| {
            over(samples).map(|over| Growth { per_minute: fit.slope.mid * MINUTE, over })
        };
        let whole = over(self.fine).filter(|over| *over >= least)?;
        let rising = rise(self.fine, least);
        let fine = rising.map_or(self.fine, |rise| rise.samples);
        let fit = Fit::of(fine)?;
        let long = rise(self.long, whole).map_or(self.long, |rise| rise.samples);
        let from_birth = fine.len() == self.fine.len();
        let slower = Fit::of(long).filter(|slower| {
            let agrees = fit.slope.low <= slower.slope.mid && slower.slope.mid <= fit.slope.high;
            slower.is_trend(z) && agrees && from_birth && slower.span_s > fit.span_s
        });
        match slower {
            Some(slower) => told(long, &slower),
            None if fit.is_trend(z) => told(fine, &fit),
            None if rising.is_some() => None,
            // Too few samples to say that it does not rise.
            None if fine.len() <= MIN_SAMPLES && change(fine).abs() >= MIN_RISE => None,
            None => Some(Growth { per_minute: 0.0, over: whole }),
        }
    }

    /// Returns the line that an alert and a time to exhaustion may rest on: that of the long window
    /// if it rises at the threshold `z` and the short one does not contradict; else that of the
    /// short one, if it rises to where the value has not been. The samples must reach back at least
    /// `after` nanoseconds.
    #[must_use]
    pub(crate) fn confirmed(self, z: f64, after: u64) -> Option<Fit> {
        let (first, last) = (self.fine.first()?.0, self.fine.last()?.0);
        let oldest = self.long.first().map_or(first, |sample| sample.0.min(first));
        let short = Fit::of(self.fine).filter(|_| last.saturating_sub(oldest) >= after)?;
        let goes_on = |long: &Fit| short.slope.high * 2.0 >= long.slope.mid;
        let long = Fit::of(self.long).filter(|long| long.is_rise(z) && goes_on(long));
        if self.long.len() >= MIN_LONG && long.is_some() {
            return long;
        }
        let new = short.end.mid - self.highest_before(first);
        (new * 2.0 >= short.slope.mid * short.span_s && short.is_rise(z)).then_some(short)
    }

    /// Returns when the value reaches `limit`; `None` without a confirmed rise.
    #[must_use]
    pub(crate) fn exhaustion(self, limit: f64, z: f64, after: u64) -> Option<Exhaustion> {
        exhaustion_of(&self.confirmed(z, after)?, limit)
    }
}

/// Returns by how much a value has changed over its samples.
fn change(samples: &[Sample]) -> f64 {
    samples.last().zip(samples.first()).map_or(0.0, |(last, first)| last.1 - first.1)
}

/// Returns the longest stretch that ends with the last sample and rises all along, if it has risen
/// for at least `over` nanoseconds.
#[must_use]
pub(crate) fn rise(samples: &[Sample], over: u64) -> Option<Rise<'_>> {
    let last = samples.last()?.0;
    (0..samples.len()).find_map(|start| {
        let stretch = samples.get(start..)?;
        let first = stretch.windows(2).find(|pair| pair[0].1 < pair[1].1)?;
        let risen = last.saturating_sub(first[0].0);
        let (by, pause) = rises(stretch).filter(|_| risen >= over)?;
        Some(Rise { samples: stretch, over: risen, by, pause })
    })
}

/// Returns by how much the stretch rises and how long it may pause, if it rises all along: in at
/// least three intervals, none of which has more than half of the rise, in both halves of the time,
/// until now, and without a fall of more than a tenth of it. A step, a ramp that has ended and a
/// pool that is recycled do not.
fn rises(stretch: &[Sample]) -> Option<(f64, f64)> {
    let ((from, low), (until, high)) = (*stretch.first()?, *stretch.last()?);
    let by = high - low;
    let (mut highest, mut intervals, mut largest, mut fall) = (low, 0.0, 0.0_f64, 0.0_f64);
    let (mut last_rise, mut longest, mut first_half) = (from, 0, 0.0);
    for pair in stretch.windows(2) {
        let [(before, _), (time, value)] = pair else { continue };
        longest = longest.max(time.saturating_sub(*before));
        fall = fall.max(highest - value);
        if *value > highest {
            largest = largest.max(value - highest);
            (highest, last_rise) = (*value, *time);
            intervals += 1.0;
        }
        if time.saturating_sub(from) <= until.saturating_sub(from) / 2 {
            first_half = value - low;
        }
    }
    // Written so that a value that is no number makes it false.
    let enough = stretch.len() >= MIN_SAMPLES && by >= MIN_RISE && intervals >= MIN_RISE;
    let even = largest * 2.0 <= by && fall * 10.0 <= by;
    let halves = first_half * 3.0 >= by && (by - first_half) * 3.0 >= by;
    let pause = seconds(until.saturating_sub(last_rise));
    let usual = seconds(last_rise.saturating_sub(from)) / intervals;
    let most = 2.5 * usual + seconds(longest);
    let in_steps = usual >= 2.5 * seconds(longest);
    let rises = enough && even && halves && pause <= most && by.is_finite();
    rises.then_some((by, if in_steps { most } else { 0.0 }))
}

/// Returns nanoseconds as seconds.
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}
