//! A histogram with fixed bounds, counted under the table's lock: no atomics, no allocation.

use catalogue::buckets::{BYTES, SECONDS};

/// The most bounds of a histogram.
const MOST: usize = SECONDS.len();
const _: () = assert!(BYTES.len() <= MOST);

/// The bounds of [`SECONDS`] in nanoseconds.
pub(super) static NANOSECONDS: Scale = Scale::new(SECONDS, 1e9);
/// The bounds of [`SECONDS`] in microseconds.
pub(super) static MICROSECONDS: Scale = Scale::new(SECONDS, 1e6);
/// The bounds of [`BYTES`] in bytes.
pub(super) static WHOLE_BYTES: Scale = Scale::new(BYTES, 1.0);

/// Bounds as whole numbers of a smaller unit. A value in that unit needs no search: each bound is
/// at least twice the one before, so at most one has as many binary digits as the value.
#[derive(Debug)]
pub(super) struct Scale {
    /// The bounds, then `u64::MAX`.
    bounds: [u64; MOST + 1],
    /// For each number of binary digits, how many bounds are less than every value of that length.
    less: [u8; u64::BITS as usize + 1],
    /// How many smaller units are one unit of the bounds.
    units: f64,
}

impl Scale {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounds are small and not negative"
    )]
    const fn new(of: &[f64], units: f64) -> Self {
        let (mut bounds, mut less) = ([u64::MAX; MOST + 1], [0; u64::BITS as usize + 1]);
        let mut at = 0;
        while at < of.len() {
            bounds[at] = (of[at] * units + 0.5) as u64;
            let mut digits = 1;
            while digits < less.len() {
                less[digits] += (bounds[at] < 1 << (digits - 1)) as u8;
                digits += 1;
            }
            at += 1;
        }
        Self { bounds, less, units }
    }

    /// Returns how many bounds are less than a value.
    #[inline]
    fn slot(&self, value: u64) -> usize {
        let less = usize::from(self.less[(u64::BITS - value.leading_zeros()) as usize]);
        less + usize::from(self.bounds.get(less).is_some_and(|bound| *bound < value))
    }
}

/// Counts by upper bound, and the sum of what was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// Counts by bound, then of the values beyond the last. They are not cumulative.
    counts: [u64; MOST + 1],
    sum: f64,
}

impl Histogram {
    /// Creates an empty histogram. `bounds` ascend; they are [`SECONDS`], [`BYTES`], or fewer of
    /// them.
    #[must_use]
    pub const fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.len() <= MOST, "a histogram has room for its bounds");
        Self { bounds, counts: [0; MOST + 1], sum: 0.0 }
    }

    /// Counts one value that is a whole number of the unit of `scale`, which is made for the bounds
    /// of this histogram.
    #[inline]
    pub(super) fn observe_whole(&mut self, scale: &Scale, value: u64) {
        if let Some(count) = self.counts.get_mut(scale.slot(value)) {
            *count += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "a sum needs no more than 53 bits")]
        let value = value as f64;
        self.sum += value / scale.units;
    }

    /// Counts one value.
    pub fn observe(&mut self, value: f64) {
        let slot = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(slot) {
            *count += 1;
        }
        self.sum += value;
    }

    /// Returns upper bounds with cumulative counts, as Prometheus prints them, without `+Inf`.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.bounds.iter().zip(self.counts.iter()).scan(0, |total, (bound, count)| {
            *total += count;
            Some((*bound, *total))
        })
    }

    /// Returns how many values were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Adds another histogram of the same bounds.
    pub fn add(&mut self, other: &Self) {
        debug_assert!(self.bounds.len() == other.bounds.len(), "bounds are those of the other");
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "bounds and their neighbours are small")]
    fn a_whole_number_falls_where_the_same_value_falls_as_a_fraction() {
        for (bounds, scale) in
            [(SECONDS, &NANOSECONDS), (SECONDS, &MICROSECONDS), (BYTES, &WHOLE_BYTES)]
        {
            let near = |bound: u64| [bound.saturating_sub(1), bound, bound + 1];
            let edges = scale.bounds[..bounds.len()].iter().flat_map(|bound| near(*bound));
            let powers = (0..62).flat_map(|power| near(1 << power));
            for value in edges.chain(powers).chain([0, u64::MAX]) {
                let (mut whole, mut fraction) = (Histogram::new(bounds), Histogram::new(bounds));
                whole.observe_whole(scale, value);
                fraction.observe(value as f64 / scale.units);
                assert_eq!(whole, fraction, "{value}");
            }
        }
    }
}
