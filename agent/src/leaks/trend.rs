//! Whether a series of counts has a trend, how steep it is, and when it reaches a limit.
//!
//! Used by `growth` and by the judge. The test is Mann–Kendall's with the correction for ties and,
//! as Yue and Wang do it, for samples that depend on each other; the slope is Theil and Sen's, its
//! range Gilbert's. No slope is said unless the test passes: on flat noise the slope alone is
//! above zero half of the time.
//!
//! Guarantees: no input panics. A value that is not finite and a time that is not later than the
//! one before are skipped. At most [`MAX_SAMPLES`] samples are read, the latest: that bounds the
//! work to some two thousand pairs.

#[cfg(test)]
mod tests;

/// The most samples that are read.
pub(crate) const MAX_SAMPLES: usize = 64;
/// The fewest samples that have a trend.
pub(crate) const MIN_SAMPLES: usize = 5;
/// The usual threshold of the test: one series in a hundred without a trend passes it upwards.
pub(crate) const Z: f64 = 2.326;
/// How many times the span of the samples a trend is continued into the future, at most.
pub(crate) const MAX_EXTRAPOLATION: f64 = 8.0;
/// The threshold of the range: for independent samples it would miss one slope in a hundred on each
/// side. Counts that add up are not independent, so it misses more.
const Z_RANGE: f64 = 2.326;
/// The range of a slope reaches at least this share of it to both sides: the future is no sample.
const MIN_RANGE: f64 = 0.1;
/// From so many samples on, their dependence on each other is estimated.
const MIN_DEPENDENT: usize = 10;
/// How far a count may be from the line by rounding, and how much a line must rise for that to say
/// nothing: counts are whole, so a steady leak is now above its line and now below, for many
/// samples in a row.
const ROUNDING: f64 = 1.0;
const WELL_ABOVE_ROUNDING: f64 = 10.0;
/// The largest dependence that is assumed.
const MAX_DEPENDENCE: f64 = 0.8;

/// A time (`CLOCK_MONOTONIC`, nanoseconds) and the value at it.
pub(crate) type Sample = (u64, f64);

/// An estimate with a range. For a leak whose connections come at random times the range contains
/// the truth in more than four cases of five, as the tests measure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Range {
    /// The lower end.
    pub(crate) low: f64,
    /// The estimate.
    pub(crate) mid: f64,
    /// The upper end.
    pub(crate) high: f64,
}

/// A line through samples, whether or not they have a trend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    /// The statistic of the trend test: a standard normal deviate if there is no trend, positive
    /// for a rise.
    pub(crate) z: f64,
    /// The slope, per second.
    pub(crate) slope: Range,
    /// The value of the line at the last sample, for each of the three slopes.
    pub(crate) end: Range,
    /// The time between the first and the last sample, seconds.
    pub(crate) span_s: f64,
    /// The largest move against the slope, from an earlier sample to a later one; not negative.
    pub(crate) against: f64,
}

/// When a value reaches its limit, as a range of seconds from the last sample on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exhaustion {
    /// The earliest.
    pub(crate) low: f64,
    /// The estimate.
    pub(crate) mid: f64,
    /// The latest; `None` if the range includes "never".
    pub(crate) high: Option<f64>,
}

impl Fit {
    /// Fits a line. Returns `None` for fewer than [`MIN_SAMPLES`] usable samples.
    #[must_use]
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let points = points(samples);
        let span_s = -points.first()?.0;
        if points.len() < MIN_SAMPLES {
            return None;
        }
        let (sign, mut slopes) = pairs(&points);
        slopes.sort_by(f64::total_cmp);
        let mid = median(&slopes)?;
        let deviation = (variance(&points) * dependence(&points, mid)).sqrt();
        let z = if deviation > 0.0 { (sign - sign.signum()) / deviation } else { 0.0 };
        let half = mid.abs() * MIN_RANGE;
        let [low, high] = [-1.0, 1.0].map(|side| ranked(&slopes, side * Z_RANGE * deviation));
        let slope = Range { low: low.min(mid - half), mid, high: high.max(mid + half) };
        let end = |slope: f64| end(&points, slope).unwrap_or_default();
        let end = Range { low: end(slope.low), mid: end(mid), high: end(slope.high) };
        Some(Self { z, slope, end, span_s, against: against(&points, mid) })
    }

    /// Returns whether the samples have a trend: the test passes at the threshold `z`, and no move
    /// against it undid half of it. The second tells a rise from a pool that fills and is recycled.
    #[must_use]
    pub(crate) fn is_trend(&self, z: f64) -> bool {
        let steady = self.against * 2.0 <= self.slope.mid.abs() * self.span_s;
        self.z.abs() >= z && self.slope.mid * self.z > 0.0 && steady
    }

    /// Returns whether the samples have a trend upwards.
    #[must_use]
    pub(crate) fn is_rise(&self, z: f64) -> bool {
        self.is_trend(z) && self.slope.mid > 0.0
    }
}

/// Returns the line through samples that have a trend at the threshold `z`, up or down.
#[cfg(test)]
pub(crate) fn trend(samples: &[Sample], z: f64) -> Option<Fit> {
    Fit::of(samples).filter(|fit| fit.is_trend(z))
}

/// Returns when samples that rise reach `limit`. Returns `None` without a trend upwards, and if the
/// limit is further away than [`MAX_EXTRAPOLATION`] times the span of the samples: a slow growth
/// needs a long window.
#[cfg(test)]
pub(crate) fn exhaustion(samples: &[Sample], limit: f64) -> Option<Exhaustion> {
    exhaustion_of(&Fit::of(samples).filter(|fit| fit.is_rise(Z))?, limit)
}

/// Returns when a line that rises reaches `limit`; see `Exhaustion`. The caller has made the
/// trend test.
#[must_use]
pub(crate) fn exhaustion_of(fit: &Fit, limit: f64) -> Option<Exhaustion> {
    let until = |end: f64, slope: f64| {
        let seconds = (limit - end).max(0.0) / slope;
        (slope > 0.0 && seconds.is_finite()).then_some(seconds)
    };
    let mid = until(fit.end.mid, fit.slope.mid)?;
    let low = until(fit.end.high, fit.slope.high)?.min(mid);
    let high = until(fit.end.low, fit.slope.low).map(|high| high.max(mid));
    (mid <= MAX_EXTRAPOLATION * fit.span_s).then_some(Exhaustion { low, mid, high })
}

/// Returns the usable samples; their times are seconds before the last one, not positive.
fn points(samples: &[Sample]) -> Vec<(f64, f64)> {
    let mut usable: Vec<Sample> = Vec::with_capacity(samples.len().min(MAX_SAMPLES));
    for sample in samples.iter().skip(samples.len().saturating_sub(MAX_SAMPLES)) {
        if sample.1.is_finite() && usable.last().is_none_or(|last| last.0 < sample.0) {
            usable.push(*sample);
        }
    }
    let last = usable.last().map_or(0, |last| last.0);
    usable.iter().map(|(time, value)| (-seconds(last - time), *value)).collect()
}

/// Returns nanoseconds as seconds.
fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// Returns how many pairs rise less how many fall, and the slopes of all pairs.
fn pairs(points: &[(f64, f64)]) -> (f64, Vec<f64>) {
    let mut sign = 0.0;
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (place, (time, value)) in points.iter().enumerate() {
        for (later, then) in &points[place + 1..] {
            // Two finite values can differ by infinity; two of opposite signs by no number.
            let rise = then - value;
            sign += if rise > 0.0 { 1.0 } else { -f64::from(u8::from(rise < 0.0)) };
            slopes.push((rise / (later - time)).clamp(f64::MIN, f64::MAX));
        }
    }
    (sign, slopes)
}

/// Returns the variance of the count of rising less falling pairs for independent samples without a
/// trend, with the correction for equal values.
fn variance(points: &[(f64, f64)]) -> f64 {
    let part = |count: usize| {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        count * (count - 1.0) * (2.0 * count + 5.0)
    };
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values.chunk_by(|one, next| one >= next).map(|tie| part(tie.len())).sum();
    (part(values.len()) - ties) / 18.0
}

/// Returns the factor by which the variance grows because each sample resembles the one before; at
/// least 1.
fn dependence(points: &[(f64, f64)], slope: f64) -> f64 {
    if points.len() < MIN_DEPENDENT {
        return 1.0;
    }
    let Some(end) = end(points, slope) else { return 1.0 };
    let rest: Vec<f64> = points.iter().map(|(time, value)| value - slope * time - end).collect();
    let rise = slope.abs() * -points.first().map_or(0.0, |first| first.0);
    if rise >= WELL_ABOVE_ROUNDING && rest.iter().all(|one| one.abs() <= ROUNDING) {
        return 1.0;
    }
    let all: f64 = rest.iter().map(|one| one * one).sum();
    let next: f64 = rest.iter().zip(rest.iter().skip(1)).map(|(one, next)| one * next).sum();
    let share = next / all;
    let share = if share.is_finite() { share.clamp(0.0, MAX_DEPENDENCE) } else { 0.0 };
    (1.0 + share) / (1.0 - share)
}

/// Returns the value at the last sample of the line with this slope that has as many samples above
/// as below.
fn end(points: &[(f64, f64)], slope: f64) -> Option<f64> {
    let mut ends: Vec<f64> = points
        .iter()
        .map(|(time, value)| (value - slope * time).clamp(f64::MIN, f64::MAX))
        .collect();
    ends.sort_by(f64::total_cmp);
    median(&ends)
}

/// Returns the largest move against the direction of `slope`.
fn against(points: &[(f64, f64)], slope: f64) -> f64 {
    let direction = if slope < 0.0 { -1.0 } else { 1.0 };
    let (mut furthest, mut back) = (f64::NEG_INFINITY, 0.0_f64);
    for (_, value) in points {
        furthest = furthest.max(value * direction);
        back = back.max(furthest - value * direction);
    }
    back
}

/// Returns the median of sorted numbers; `None` if there are none.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) =
        (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// Returns the sorted number that is `offset` pairs beside the median, in halves as Gilbert counts
/// them; the outermost number if there are not so many.
fn ranked(sorted: &[f64], offset: f64) -> f64 {
    let count = f64::from(u32::try_from(sorted.len()).unwrap_or(u32::MAX));
    let rank = f64::midpoint(count, offset).clamp(0.0, count - 1.0);
    let rank = if offset < 0.0 { rank.floor() } else { rank.ceil() };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the places of the slice; a rank that is no number becomes 0"
    )]
    let place = rank as usize;
    sorted.get(place).or(sorted.last()).copied().unwrap_or_default()
}
