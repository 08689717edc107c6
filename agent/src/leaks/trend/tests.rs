//! Tests of trend, slope and exhaustion against simulated series.

use super::*;
use crate::leaks::simulation::random::Random;

const SECOND: u64 = 1_000_000_000;
const FINE: u64 = 15 * SECOND;
const COARSE: u64 = 150 * SECOND;

/// Returns `count` samples every `step` of a value that depends on the time in seconds.
fn sampled(count: u64, step: u64, mut value: impl FnMut(f64) -> f64) -> Vec<Sample> {
    (0..count).map(|one| (one * step, value(seconds(one * step)))).collect()
}

/// Returns the share of 2,000 series that have a trend.
fn share(make: impl Fn(&mut Random) -> Vec<Sample>) -> f64 {
    let cries = (0..2_000).filter(|seed| trend(&make(&mut Random(*seed)), Z).is_some()).count();
    f64::from(u32::try_from(cries).unwrap()) / 2_000.0
}

#[test]
fn flat_noise_has_a_trend_in_fewer_than_three_of_a_hundred_series() {
    for count in [5, 8, 13, 21, 41, 61] {
        let white =
            share(|random| sampled(count, FINE, |_| (20.0 + 3.0 * random.normal()).round()));
        let rare =
            share(|random| sampled(count, FINE, |_| f64::from(u8::from(random.unit() < 0.1))));
        let mut resembling = [0.0; 3];
        for (place, kept) in [0.5, 0.7, 0.9_f64].into_iter().enumerate() {
            resembling[place] = share(|random| {
                let mut last = random.normal();
                sampled(count, FINE, |_| {
                    last = kept * last + (1.0 - kept * kept).sqrt() * random.normal();
                    (20.0 + 5.0 * last).round()
                })
            });
        }
        println!("flat, {count} samples: white {white}, rare {rare}, resembling {resembling:?}");
        assert!(white <= 0.03 && rare <= 0.03, "{count}: {white} {rare}");
        assert!(resembling[0] <= 0.05, "{count}: {resembling:?}");
    }
}

#[test]
fn equal_values_make_the_variance_smaller() {
    let values = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0];
    let series: Vec<Sample> = (0..).map(|one| one * FINE).zip(values).collect();
    // 11 pairs rise and none falls: 10 / sqrt((6 * 5 * 17 - 2 * 1 * 9 - 3 * 2 * 11) / 18).
    assert!((Fit::of(&series).unwrap().z - 2.055_6).abs() < 0.001);
    assert!(Fit::of(&series[1..5]).is_none(), "four samples are too few");
    assert!(Fit::of(&sampled(9, FINE, |_| 3.0)).is_some_and(|fit| fit.z == 0.0));
}

/// Returns the estimates of the slope, per minute, over 21 phases of the samples.
fn estimates(rate: f64, count: u64, step: u64) -> Vec<Option<f64>> {
    let phase = |one: u32| f64::from(one) / 21.0 * seconds(step).max(60.0 / rate);
    (0..21)
        .map(|one| {
            let series = sampled(count, step, |t| ((t + phase(one)) * rate / 60.0).floor());
            trend(&series, Z).map(|fit| fit.slope.mid * 60.0)
        })
        .collect()
}

#[test]
fn a_steady_leak_is_estimated_within_a_tenth_in_a_young_and_an_old_agent() {
    for (rate, count, step) in [
        (60.0, 9, FINE),
        (60.0, 41, FINE),
        (60.0, 61, COARSE),
        (10.0, 9, FINE),
        (10.0, 13, FINE),
        (10.0, 21, FINE),
        (10.0, 61, COARSE),
        (1.0, 41, FINE),
        (1.0, 9, COARSE),
        (1.0, 61, COARSE),
    ] {
        for found in estimates(rate, count, step) {
            let found = found.unwrap_or_default();
            assert!((found / rate - 1.0).abs() < 0.1, "{rate} {count} {step}: {found}");
        }
    }
    for count in 5..=41 {
        let found = estimates(1.0, count, FINE);
        let near = |one: &&Option<f64>| one.is_some_and(|one| (one - 1.0).abs() < 0.1);
        let right = found.iter().filter(near).count();
        println!("one a minute, {} s: {right} of 21 within a tenth", (count - 1) * 15);
    }
}

#[test]
fn a_pool_that_is_recycled_every_quarter_of_an_hour_has_no_trend_over_the_long_window() {
    for period in [750.0, 900.0] {
        let mut fine = 0;
        for phase in 0..100 {
            let start = period * f64::from(phase) / 100.0;
            let value = |t: f64| (((t + start) % period) / 15.0).floor();
            assert_eq!(trend(&sampled(61, COARSE, value), Z), None, "{period} {phase}");
            fine += u32::from(trend(&sampled(41, FINE, value), Z).is_some());
        }
        println!("recycled every {period} s: {fine} of 100 phases look like growth in 10 min");
    }
}

#[test]
fn a_ramp_that_levels_off_stops_to_have_a_trend() {
    let ramp = |t: f64| (t / 6.0).min(300.0).floor();
    assert!(trend(&sampled(41, FINE, ramp), Z).is_some());
    let later = |shift: f64| sampled(41, FINE, move |t| ramp(t + shift));
    let ends = (0..60).find(|minute| trend(&later(f64::from(*minute) * 60.0), Z).is_none());
    println!("the ramp ends at minute 30 and its trend at minute {}", ends.unwrap() + 10);
    assert!(ends.is_some_and(|ends| (20..=30).contains(&ends)));
}

#[test]
fn the_time_to_exhaustion_is_a_range_that_contains_the_truth() {
    for (rate, step) in [(1.0, COARSE), (10.0, FINE), (10.0, COARSE), (60.0, FINE)] {
        let (mut inside, mut said, mut shares) = (0, 0, Vec::new());
        for seed in 0..400 {
            let mut random = Random(seed);
            let (mut value, mut next) = (100.0, 0.0);
            let series = sampled(if step == FINE { 41 } else { 61 }, step, |t| {
                while next <= t {
                    next += random.wait(60.0 / rate);
                    value += 1.0;
                }
                value
            });
            let limit = value + 30.0 * rate;
            let Some(found) = exhaustion(&series, limit) else { continue };
            said += 1;
            shares.push(found.mid / 1_800.0);
            let high = found.high.unwrap_or(f64::INFINITY);
            inside += u32::from(found.low <= 1_800.0 && 1_800.0 <= high);
        }
        shares.sort_by(f64::total_cmp);
        let at = |hundredth: usize| shares[shares.len() * hundredth / 100];
        println!(
            "{rate} a minute at random, every {} s: said {said} of 400, truth inside {inside}, \
             estimate/truth 5..50..95: {:.2} {:.2} {:.2}",
            step / SECOND,
            at(5),
            at(50),
            at(95)
        );
        assert!(said >= 390 && inside * 10 >= said * 8, "{rate}: {said} {inside}");
    }
}

#[test]
fn no_exhaustion_is_said_without_a_trend_or_too_far_ahead() {
    let leak = sampled(41, FINE, |t| t / 6.0);
    let found = exhaustion(&leak, 300.0).unwrap();
    assert!((found.mid - 1_200.0).abs() < 1.0 && found.low < 1_150.0, "{found:?}");
    assert!(found.high.is_some_and(|high| high > 1_250.0));
    assert_eq!(exhaustion(&leak, 10_000.0), None, "ten minutes do not tell the next 16 hours");
    assert_eq!(exhaustion(&leak, 50.0).map(|found| found.mid), Some(0.0));
    assert_eq!(exhaustion(&sampled(41, FINE, |t| 900.0 - t), 2_000.0), None);
    assert_eq!(exhaustion(&sampled(41, FINE, |_| 7.0), 8.0), None);
    let fit = Fit { slope: Range { low: -1.0, mid: 1.0, high: 2.0 }, ..Fit::of(&leak).unwrap() };
    assert_eq!(exhaustion_of(&fit, 300.0).map(|found| found.high), Some(None), "never");
}

#[test]
fn no_input_panics_and_values_that_are_no_numbers_are_skipped() {
    let leak = sampled(41, FINE, |t| t);
    let mut holes = leak.clone();
    for place in [0, 7, 40] {
        holes.insert(place, (place as u64 * FINE, f64::NAN));
        holes.insert(place, (place as u64 * FINE, f64::INFINITY));
    }
    assert_eq!(Fit::of(&holes), Fit::of(&leak));
    let odd = [f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -1.0, 1e300];
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let count = random.next() % 70;
        let series: Vec<Sample> = (0..count)
            .map(|one| {
                let time = [0, 1, one, one * FINE, u64::MAX, u64::MAX - one, random.next()];
                let pick = |length: usize| usize::try_from(random.next()).unwrap() % length;
                let mut pick = pick;
                (time[pick(7)], odd[pick(8)])
            })
            .collect();
        let _ = trend(&series, Z);
        for limit in odd {
            if let Some(found) = exhaustion(&series, limit) {
                assert!(found.low >= 0.0 && found.low <= found.mid, "{found:?}");
            }
        }
    }
}

#[test]
fn what_grows_evenly_has_a_trend_however_the_counts_are_rounded() {
    // Samples are a little more than fifteen seconds apart, and a leak is a little slower than one
    // a second: what is rounded away goes up and down slowly.
    for (millis, per_minute) in [(15_100, 59.7), (15_130, 59.4), (15_070, 29.8), (15_050, 10.0)] {
        for (count, from) in (10..=40).flat_map(|count| (0..20).map(move |from| (count, from))) {
            let step = millis * SECOND / 1000;
            let value = |time: f64| ((time + f64::from(from)) * per_minute / 60.0).floor();
            let samples = sampled(count, step, value);
            if samples[samples.len() - 1].1 - samples[0].1 >= 12.0 {
                let fit = trend(&samples, Z);
                assert!(fit.is_some(), "{per_minute} a minute, {count} samples: {samples:?}");
            }
        }
    }
}
