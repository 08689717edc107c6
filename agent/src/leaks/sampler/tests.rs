//! Tests of the sampler: what it keeps, forgets and leaves out.

use super::*;
use crate::leaks::past::Sampled;
use crate::leaks::trend::MAX_SAMPLES;

const START: u64 = 1_000 * SECOND;

fn sampled(count: u32) -> Sampled {
    Sampled { count, ..Sampled::default() }
}

/// Returns a sample; the groups' connections were born at `since`.
fn present(since: u64, counts: &[(u32, u32)]) -> HashMap<u32, Entry<Sampled>> {
    let entry = |count| Entry { since, value: sampled(count) };
    counts.iter().map(|(key, count)| (*key, entry(*count))).collect()
}

fn time(round: u64) -> u64 {
    START + round * 15 * SECOND
}

fn counts(sampler: &Sampler<u32, Sampled>, key: u32) -> (Vec<f64>, Vec<f64>) {
    let owned = sampler.series(&key, |one| one.count.into());
    let values = |samples: &[Sample]| samples.iter().map(|sample| sample.1).collect();
    (values(owned.series().fine), values(owned.series().long))
}

fn sampler(most: usize) -> Sampler<u32, Sampled> {
    Sampler::new(Rhythm::default(), most)
}

#[test]
fn windows_are_bounded_and_no_larger_than_said() {
    let mut sampler = sampler(10);
    for round in 0..2_000 {
        let count = u32::try_from(round).unwrap();
        sampler.add(time(round), present(0, &[(1, count + 1), (2, 5)]));
        let (fine, long) = counts(&sampler, 1);
        assert!(fine.len() <= FINE && long.len() <= LONG + 1 && long.len() <= MAX_SAMPLES);
        assert_eq!(fine.last(), long.last(), "both end now");
    }
    let (fine, long) = counts(&sampler, 1);
    assert_eq!((fine.len(), fine[0], fine[FINE - 1]), (FINE, 1_960.0, 2_000.0));
    assert_eq!((long.len(), long[1] - long[0]), (LONG + 1, 10.0));
    let hours = sampler.reach(time(1_999)) / SECOND;
    assert!((9_000..9_150).contains(&hours), "two and a half hours: {hours}");
    for rings in sampler.groups.values() {
        let bytes = (rings.fine.capacity() + rings.long.capacity()) * size_of::<Sampled>();
        assert!(bytes + size_of::<Rings<Sampled>>() <= memory_per_key::<Sampled>());
    }
    assert_eq!(memory_per_key::<Sampled>(), 2_512);
}

#[test]
fn a_group_that_is_born_later_has_one_zero_and_an_older_one_none() {
    let mut sampler = sampler(10);
    sampler.add(time(0), present(0, &[(1, 7)]));
    (1..30).for_each(|round| sampler.add(time(round), present(0, &[(1, 7)])));
    let mut next = present(time(29) + SECOND, &[(2, 3)]);
    next.extend(present(0, &[(1, 7), (3, 50)]));
    sampler.add(time(30), next);
    assert_eq!(counts(&sampler, 2), (vec![0.0, 3.0], vec![0.0, 3.0]), "born since the last sample");
    assert_eq!(counts(&sampler, 3).0, vec![50.0], "older: its process was found or renamed later");
    assert_eq!(counts(&sampler, 1).0, vec![7.0; 31], "older than the sampler");
    let owned = sampler.series(&2, |one| one.count.into());
    assert_eq!(owned.series().fine[0].0, time(29));
    assert!(counts(&sampler, 9).0.is_empty());
}

#[test]
fn an_absent_group_has_zeros_and_is_forgotten_after_the_long_window() {
    let mut sampler = sampler(10);
    for round in 0..20 {
        sampler.add(time(round), present(0, &[(1, 4)]));
    }
    sampler.add(time(20), HashMap::new());
    assert_eq!(counts(&sampler, 1).0[18..], [4.0, 4.0, 0.0]);
    for round in 21..200 {
        sampler.add(time(round), HashMap::new());
    }
    sampler.add(time(200), present(time(199), &[(1, 2)]));
    assert_eq!(counts(&sampler, 1).0, [0.0, 2.0], "it did not grow during its absence");
    for round in 201..900 {
        sampler.add(time(round), HashMap::new());
    }
    assert!(sampler.is_empty());
}

#[test]
fn small_groups_give_way_and_a_returning_one_is_no_growth() {
    let mut sampler = sampler(100);
    let crowd = |from: u32, count| (from..from + 500).map(|key| (key, count)).collect::<Vec<_>>();
    for round in 0..20_u32 {
        let mut all = crowd(1_000 + round * 500, 2);
        all.push((1, 400));
        all.push((2, 1));
        sampler.add(time(u64::from(round)), present(0, &all));
        assert!(sampler.len() <= 100);
    }
    assert_eq!(counts(&sampler, 1).0, vec![400.0; 20]);
    assert!(counts(&sampler, 2).0.is_empty() && sampler.left_out_total() > 8_000);
    sampler.add(time(20), present(time(20), &[(1, 400), (2, 1), (3, 9)]));
    assert_eq!(counts(&sampler, 3).0, vec![9.0], "it may have been left out before");
}

#[test]
fn a_group_that_was_left_out_has_no_zeros_when_it_returns() {
    let mut sampler = sampler(2);
    sampler.add(time(0), present(0, &[(1, 5), (2, 5), (3, 1)]));
    sampler.add(time(1), present(time(1), &[(1, 5), (2, 5), (3, 60)]));
    assert_eq!(counts(&sampler, 3).0, vec![60.0]);
    assert_eq!(sampler.left_out_total(), 2);
}

#[test]
fn counters_wrap_and_stand_still_while_a_group_is_absent() {
    let mut sampler = sampler(2);
    let opened = |opens: u32| {
        HashMap::from([(1, Entry { since: 0, value: Sampled { opens, ..sampled(1) } })])
    };
    sampler.add(time(0), opened(u32::MAX - 4));
    sampler.add(time(1), opened(5));
    sampler.add(time(2), HashMap::new());
    sampler.add(time(3), opened(15));
    let owned = sampler.counter(&1, |one| one.opens);
    let sums: Vec<_> = owned.series().fine.iter().map(|sample| sample.1).collect();
    assert_eq!(sums, [0.0, 10.0, 10.0, 20.0]);
}

#[test]
fn a_clock_that_stands_or_goes_back_adds_nothing() {
    let mut sampler = sampler(2);
    assert!(sampler.is_due(0), "the first is due at once");
    sampler.add(time(5), present(0, &[(1, 5)]));
    sampler.add(time(5), present(0, &[(1, 6)]));
    sampler.add(time(3), present(0, &[(1, 7)]));
    assert_eq!(counts(&sampler, 1).0, vec![5.0]);
    assert!(!sampler.is_due(time(5) + 14 * SECOND) && sampler.is_due(time(6)));
    assert!(!sampler.is_due(0) && sampler.reach(0) == 0);
}
