//! Values of one kind each, of which [`super::random`] makes snapshots.

use std::fmt::Debug;
use std::sync::Arc;

use catalogue::buckets::SECONDS;
use catalogue::labels::{OTHER, Role};
use proptest::array::uniform3;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::conn::histogram::Histogram;
use crate::conn::snapshot::StateGauge;

/// The number of named destinations.
pub(super) const NAMED: u8 = 3;

/// Generates text from outside: every character that needs an escape, and its neighbours in the
/// order of bytes.
pub(super) fn name() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        "[ab\"\\\\\n{},= ~!#\u{e9}\u{fffd}\u{1f980}]{0,5}".prop_map(Arc::from),
        any::<String>().prop_map(Arc::from),
        Just(Arc::from(OTHER)),
        Just(Arc::from("unknown")),
    ]
    .boxed()
}

/// Generates counts: small ones, large ones, and those that a float does not represent.
pub(super) fn count() -> BoxedStrategy<u64> {
    let beside_a_power = (0..60_u32, 0..3_u64).prop_map(|(bits, more)| (1 << bits) + more - 1);
    prop_oneof![3 => 0..12_u64, 1 => any::<u64>(), 1 => beside_a_power].boxed()
}

/// Generates counts whose sums do not overflow.
pub(super) fn small() -> impl Strategy<Value = u64> {
    count().prop_map(|count| count >> 16)
}

pub(super) fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        small().prop_map(|count| Histogram::new(SECONDS).sum()
            + f64::from(u32::try_from(count & 0xffff_ffff).unwrap()) / 1000.0),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            9_007_199_254_740_992.0,
            1e300,
            1e-7,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN
        ]),
    ]
}

pub(super) fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

pub(super) fn port() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![4 => any::<u16>().prop_map(Some), 4 => (0..12_u16).prop_map(Some), 1 => Just(None)]
}

pub(super) fn netns() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, any::<u32>()]
}

pub(super) fn histogram(bounds: &'static [f64]) -> BoxedStrategy<Histogram> {
    vec(prop_oneof![0.0..2.0, 0.0..1e10_f64], 0..4)
        .prop_map(move |values| {
            let mut histogram = Histogram::new(bounds);
            for value in values {
                histogram.observe(value);
            }
            histogram
        })
        .boxed()
}

pub(super) fn gauge() -> impl Strategy<Value = StateGauge> {
    (count(), proptest::option::of(0..6_000_000_000_000_u64), uniform3(count())).prop_map(
        |(count, oldest_since, older_than)| StateGauge { count, oldest_since, older_than },
    )
}

/// Generates counts by named destination, in any order.
pub(super) fn to_names<T: Debug + Clone + 'static>(
    counts: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Vec<(u8, T)>> {
    let all = btree_map(0..NAMED, counts, 0..3);
    all.prop_map(|all| all.into_iter().collect::<Vec<_>>()).prop_shuffle().boxed()
}
