//! Tests of the rings: what they keep, and what they leave out.

use std::mem::size_of;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment { awake: seconds * SECOND, all: seconds * SECOND }
}

/// So many connections are established, twice as many were opened.
fn totals(count: u64) -> Totals {
    let mut totals = Totals { opened: 2 * count, ..Totals::default() };
    totals.states[SocketState::Established.index()] = count;
    totals
}

const ESTABLISHED: Quantity = Quantity::State(SocketState::Established);

/// Asks once a second, from 1 s on, whether it is time; as many are established as seconds passed.
fn filled(seconds: u64) -> Rings {
    let mut rings = Rings::default();
    (1..=seconds).for_each(|second| rings.add(at(second), &totals(second)));
    rings
}

#[test]
fn the_samples_take_no_more_memory_than_is_said() {
    let rings = filled(10 * 3600);
    let kept = [&rings.fine, &rings.coarse].map(Ring::room);
    assert_eq!(kept, [FINE.1, COARSE.1]);
    assert!(kept.iter().sum::<usize>() * size_of::<Sample>() <= BYTES);
}

#[test]
fn a_ring_keeps_the_newest_at_equal_distances() {
    let rings = filled(3000);
    let lines = rings.fine.lines(ESTABLISHED, at(3000));
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line.len(), 61);
    assert_eq!((line[0], line[60]), ((609.0, 2391.0), (9.0, 2991.0)));
    let lines = rings.fine.lines(Quantity::Opened, at(3000));
    assert!(lines[0].iter().all(|(_, rate)| (*rate - 2.0).abs() < 1e-9), "{lines:?}");
    let coarse = rings.coarse.lines(ESTABLISHED, at(3000));
    assert_eq!((coarse.len(), coarse[0].len()), (1, 25));
    assert_eq!((rings.fine.span().as_secs(), rings.coarse.span().as_secs()), (600, 6 * 3600));
}

#[test]
fn the_first_sample_is_a_point_of_a_number_and_none_of_a_rate() {
    let rings = filled(1);
    assert_eq!(rings.fine.lines(ESTABLISHED, at(3)), [vec![(2.0, 1.0)]]);
    assert_eq!(rings.fine.lines(Quantity::Opened, at(3)), [] as [Vec<(f64, f64)>; 0]);
    let empty = Rings::default();
    assert_eq!(empty.coarse.lines(ESTABLISHED, at(3)), [] as [Vec<(f64, f64)>; 0]);
}

#[test]
fn the_time_that_the_machine_slept_is_a_gap_and_not_a_zero() {
    let mut rings = filled(31);
    for second in 32..=61 {
        let now = Moment { awake: second * SECOND, all: (second + 300) * SECOND };
        rings.add(now, &totals(second));
    }
    let now = at(361);
    let lines = rings.fine.lines(ESTABLISHED, now);
    let ages: Vec<Vec<f64>> =
        lines.iter().map(|line| line.iter().map(|(age, _)| *age).collect()).collect();
    assert_eq!(ages, [vec![360.0, 350.0, 340.0, 330.0], vec![20.0, 10.0, 0.0]]);
    let rates = rings.fine.lines(Quantity::Opened, now);
    assert_eq!(rates.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    assert!(rates.iter().flatten().all(|(_, rate)| (*rate - 2.0).abs() < 1e-9), "{rates:?}");
}

#[test]
fn what_was_before_a_long_sleep_is_no_longer_shown() {
    let mut rings = filled(31);
    let hours = 8 * 3600;
    let awake = |second| Moment { awake: second * SECOND, all: (second + hours) * SECOND };
    assert_eq!(rings.fine.newest(Quantity::Opened, at(31)), Some(2.0));
    assert_eq!(rings.fine.newest(Quantity::Opened, awake(32)), None);
    assert!(rings.fine.lines(ESTABLISHED, awake(32)).is_empty());
    rings.add(awake(41), &totals(41));
    let ages = rings.fine.lines(ESTABLISHED, awake(42));
    assert_eq!(ages, [vec![(1.0, ages[0][0].1)]]);
}

#[test]
fn time_without_a_sample_is_a_gap() {
    let mut rings = filled(21);
    rings.add(at(60), &totals(60));
    rings.add(at(70), &totals(70));
    let lines = rings.fine.lines(Quantity::Opened, at(70));
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn counters_that_begin_anew_are_a_gap_and_no_rate() {
    let mut rings = filled(21);
    (22..=41).for_each(|second| rings.add(at(second), &totals(second - 21)));
    let rates = rings.fine.lines(Quantity::Opened, at(41));
    assert_eq!(rates.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert!(rates.iter().flatten().all(|(_, rate)| (*rate - 2.0).abs() < 1e-9), "{rates:?}");
}

#[test]
fn a_clock_that_steps_back_changes_no_age() {
    let mut rings = filled(21);
    // No kernel does it; what comes of it is bounded all the same.
    rings.add(Moment { awake: 31 * SECOND, all: 0 }, &totals(31));
    let lines = rings.fine.lines(ESTABLISHED, Moment { awake: 31 * SECOND, all: 0 });
    assert_eq!(lines.iter().map(Vec::len).sum::<usize>(), 4, "{lines:?}");
    assert!(lines.iter().flatten().all(|(age, _)| (0.0..=30.0).contains(age)), "{lines:?}");
}

proptest! {
    #[test]
    fn whatever_the_clocks_say_ages_and_values_are_finite_and_in_order(
        steps in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..300),
    ) {
        let mut rings = Rings::default();
        for (awake, all, count) in &steps {
            rings.add(Moment { awake: *awake, all: *all }, &totals(count / 2));
        }
        let points = |ring: &Ring| ring.lines(ESTABLISHED, at(7)).iter().flatten().count();
        prop_assert!(points(&rings.fine) <= FINE.1 && points(&rings.coarse) <= COARSE.1);
        for quantity in [ESTABLISHED, Quantity::TimeWait, Quantity::Opened] {
            let lines = rings.fine.lines(quantity, at(7));
            let points: Vec<_> = lines.into_iter().flatten().collect();
            prop_assert!(points.iter().all(|(age, value)| age.is_finite() && value.is_finite()));
            prop_assert!(points.iter().all(|(age, value)| *age >= 0.0 && *value >= 0.0));
            prop_assert!(points.is_sorted_by(|one, next| one.0 >= next.0));
        }
    }
}
