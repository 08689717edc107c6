//! The statistics: quantiles, and the reference that a slot is compared with.

use serde::{Deserialize, Serialize};

/// Quantiles of the batches of a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Quantiles {
    /// The least.
    pub(super) min: f64,
    /// The 1st, 5th, 10th, 25th, 50th, 75th and 90th percentile.
    pub(super) p01: f64,
    pub(super) p05: f64,
    pub(super) p10: f64,
    pub(super) p25: f64,
    pub(super) p50: f64,
    pub(super) p75: f64,
    pub(super) p90: f64,
    /// The greatest.
    pub(super) max: f64,
}

impl Quantiles {
    /// Of some values, which are sorted for it.
    pub(super) fn of(values: &mut [f64]) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(values, share);
        Self {
            min: at(0.0),
            p01: at(0.01),
            p05: at(0.05),
            p10: at(0.1),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            max: at(1.0),
        }
    }
}

/// Median, quartiles and extremes over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    /// The least.
    pub(super) min: f64,
    /// The lower quartile.
    pub(super) q1: f64,
    /// The median.
    pub(super) median: f64,
    /// The upper quartile.
    pub(super) q3: f64,
    /// The greatest.
    pub(super) max: f64,
}

impl Spread {
    /// Of some values; nothing where there are none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share);
        (!values.is_empty()).then(|| Self {
            min: at(0.0),
            q1: at(0.25),
            median: at(0.5),
            q3: at(0.75),
            max: at(1.0),
        })
    }
}

/// The quantile of sorted values, between two of them where it falls between; NaN where there are
/// none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 values")]
    let place = share * sorted.len().saturating_sub(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among the values"
    )]
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => f64::NAN,
    }
}

/// What a slot without anything watching would have come to at place `nth` of the sequence: between
/// the nearest slot without before it and the nearest after it, in proportion to the distance, so
/// that a steady drift of the machine cancels. `values` has the value of each slot without, and
/// nothing for the others. The slot's own value is left out, so a slot without can be compared in
/// the same way: that is the noise floor.
pub(super) fn reference(values: &[Option<f64>], nth: usize) -> Option<f64> {
    let before = (0..nth).rev().find_map(|at| Some((at, values[at]?)));
    let after = (nth + 1..values.len()).find_map(|at| Some((at, values[at]?)));
    match (before, after) {
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 slots")]
        (Some((from, low)), Some((to, high))) => {
            Some(low + (high - low) * (nth - from) as f64 / (to - from) as f64)
        }
        (one, other) => one.or(other).map(|(_, value)| value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_quartiles_are_those_of_the_textbook() {
        let spread = Spread::of([5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, q1: 2.0, median: 3.0, q3: 4.0, max: 5.0 });
        let even = Spread::of([1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(even, Spread { min: 1.0, q1: 1.75, median: 2.5, q3: 3.25, max: 4.0 });
        assert_eq!(
            Spread::of([7.0]),
            Some(Spread { min: 7.0, q1: 7.0, median: 7.0, q3: 7.0, max: 7.0 })
        );
    }

    #[test]
    fn what_is_no_number_counts_nothing() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN, f64::INFINITY]), None);
        assert_eq!(Spread::of([f64::NAN, 2.0]), Spread::of([2.0]));
    }

    #[test]
    fn the_quantiles_of_a_slot_are_in_order() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let quantiles = Quantiles::of(&mut values);
        assert_eq!(
            (quantiles.min, quantiles.p01, quantiles.p10, quantiles.p50, quantiles.max),
            (0.0, 1.0, 10.0, 50.0, 100.0)
        );
    }

    #[test]
    fn a_steady_drift_cancels_in_the_reference() {
        let values = [Some(100.0), None, None, Some(130.0), None];
        assert_eq!(reference(&values, 1), Some(110.0));
        assert_eq!(reference(&values, 2), Some(120.0));
    }

    #[test]
    fn at_the_ends_the_nearest_one_is_the_reference() {
        let values = [None, Some(90.0), None, Some(110.0), None];
        assert_eq!(reference(&values, 0), Some(90.0));
        assert_eq!(reference(&values, 4), Some(110.0));
        assert_eq!(reference(&[None, None], 0), None);
    }

    #[test]
    fn a_slot_without_is_never_its_own_reference() {
        assert_eq!(reference(&[Some(100.0), Some(500.0), Some(120.0)], 1), Some(110.0));
        assert_eq!(reference(&[Some(100.0)], 0), None);
    }
}
