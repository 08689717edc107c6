//! Tests of rises and of what two windows say together.

use super::*;
use crate::leaks::simulation::SECOND;
use crate::leaks::trend::Z;

const FINE: u64 = 15 * SECOND;
const LONG: u64 = 150 * SECOND;
const MINUTE: u64 = 60 * SECOND;

/// Returns the samples of both windows of an agent that has run for `until` seconds.
fn windows(until: u64, value: impl Fn(f64) -> f64) -> (Vec<Sample>, Vec<Sample>) {
    let sampled = |step: u64, most: usize| {
        let times = (0..=until * SECOND).rev().step_by(usize::try_from(step).unwrap()).take(most);
        let samples = times.map(|time| (time, value(seconds(time))));
        let mut samples: Vec<_> = samples.collect();
        samples.reverse();
        samples
    };
    (sampled(FINE, 41), sampled(LONG, 61))
}

/// Asks about the series of an agent that has run for `until` seconds.
fn of<T>(until: u64, value: impl Fn(f64) -> f64, ask: impl Fn(Series<'_>) -> T) -> T {
    let (fine, long) = windows(until, value);
    ask(Series { fine: &fine, long: &long })
}

fn per_minute(until: u64, value: impl Fn(f64) -> f64) -> Option<f64> {
    of(until, value, |series| series.growth(Z, 54 * SECOND).map(|growth| growth.per_minute))
}

fn grows(until: u64, value: impl Fn(f64) -> f64) -> Option<u64> {
    of(until, value, |series| series.rise(MINUTE).map(|rise| rise.over / SECOND))
}

#[test]
fn a_rise_is_neither_a_step_nor_a_ramp_that_has_ended_nor_a_pool_filled_anew() {
    assert_eq!(grows(600, |t| t), Some(600));
    assert_eq!(grows(45, |t| t), None, "too young");
    assert_eq!(grows(600, |t| (t - 480.0).max(0.0)), Some(120), "measured from where it began");
    assert_eq!(grows(600, |t| if t < 570.0 { 0.0 } else { 20.0 }), None, "a step");
    assert_eq!(grows(120, |t| (t / 2.0).min(20.0)), None, "a ramp of 40 s");
    assert_eq!(grows(600, |t| t.min(300.0)), None, "a ramp of five minutes");
    assert_eq!(grows(7_200, |t| (t % 900.0 / 15.0).floor()), None, "filled anew");
    assert_eq!(grows(600, |t| 600.0 - t), None, "a fall");
    assert_eq!(grows(600, |_| f64::NAN), None);
    assert_eq!(grows(7_200, |t| (t / 600.0).floor()), Some(6_750), "one in ten minutes");
    assert!(grows(7_200, |t| (t / 600.0).floor().min(9.0)).is_none(), "that ended at 5,400 s");
}

#[test]
fn growth_is_that_of_now_in_a_young_and_an_old_agent() {
    for until in [90, 120, 300, 600, 3_600, 9_000, 20_000] {
        for rate in [10.0, 60.0] {
            let found = per_minute(until, |t| (t * rate / 60.0).floor()).unwrap();
            assert!((found / rate - 1.0).abs() < 0.1, "{until} {rate}: {found}");
        }
        assert_eq!(per_minute(until, |_| 40.0), Some(0.0), "flat is flat");
    }
    for until in [180, 240, 300, 600, 3_600, 9_000] {
        let found = per_minute(until, |t| (t / 60.0).floor()).unwrap();
        assert!((found - 1.0).abs() < 0.1, "{until}: {found}");
    }
    let begun = per_minute(9_000, |t| 20.0 + ((t - 8_700.0).max(0.0) / 6.0).floor()).unwrap();
    assert!((begun - 10.0).abs() < 1.0, "begun five minutes ago: {begun}");
    let ended = per_minute(9_000, |t| (t.min(8_100.0) / 6.0).floor());
    assert_eq!(ended, Some(0.0), "ended a quarter of an hour ago");
    let falls = per_minute(600, |t| 1_000.0 - t).unwrap();
    assert!((falls + 60.0).abs() < 1.0, "{falls}");
    assert_eq!(per_minute(45, |t| t), None, "too young");
}

#[test]
fn an_alert_rests_on_a_rise_that_no_recycled_pool_shows() {
    let confirmed = |until, value: &dyn Fn(f64) -> f64| {
        of(until, value, |series| series.confirmed(Z, 20 * MINUTE).is_some())
    };
    for period in [750.0, 900.0] {
        let cries = (0..12_000)
            .step_by(15)
            .filter(|until| confirmed(*until, &|t| (t % period / 15.0).floor()))
            .count();
        assert_eq!(cries, 0, "recycled every {period} s, at 800 looks from the start on");
        let uneven = |t: f64| {
            let round = (t / period).floor();
            (t % period / 15.0 * (1.0 + 0.2 * (round * 2.4).sin())).floor()
        };
        let cries = (0..12_000).step_by(15).filter(|until| confirmed(*until, &uneven)).count();
        println!("recycled every {period} s with uneven heights: {cries} of 800");
        assert_eq!(cries, 0, "{period}");
    }
    assert!(!confirmed(900, &|t| t) && confirmed(1_200, &|t| t), "after twenty minutes");
    assert!(confirmed(9_000, &|t| 20.0 + (t - 8_580.0).max(0.0)), "begun seven minutes ago");
    assert!(!confirmed(9_000, &|t| t.min(8_100.0)), "levelled off");
}

#[test]
fn exhaustion_is_said_from_five_minutes_on_and_as_far_as_the_samples_carry() {
    let ends = |until, limit| {
        of(until, |t| (t / 2.0).floor(), |series| series.exhaustion(limit, Z, 5 * MINUTE))
    };
    assert_eq!(ends(240, 1_024.0), None);
    let found = ends(300, 1_024.0).unwrap();
    assert!((found.mid - 1_748.0).abs() < 60.0 && found.high.unwrap() > 1_850.0, "{found:?}");
    assert_eq!(ends(300, 100_000.0), None, "too far");
}

#[test]
fn a_restart_of_the_process_cuts_the_series() {
    let (fine, long) = windows(600, |t| t);
    let series = Series { fine: &fine, long: &long }.since(300 * SECOND);
    assert_eq!((series.fine.len(), series.long.len()), (21, 3));
    assert_eq!(series.since(u64::MAX), Series::default());
    assert_eq!(Series::default().growth(Z, 0), None);
    assert_eq!(Series::default().rise(0), None);
}
