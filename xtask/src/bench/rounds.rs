//! The rounds: every arm in turn on a load that stays, and what each slot came to.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::arms::{Arm, Attached, Kind, Lines};
use super::interrupt::Interrupt;
use super::machine::Clock;
use super::report::{ArmState, Slot};
use super::stage::Load;

/// Between two scrapes of what is scraped.
const SCRAPE: Duration = Duration::from_secs(5);
/// Time for the last records to be drained; the agent comes every 50 ms.
const DRAIN: Duration = Duration::from_millis(150);
/// Time for the agent to read its losses again.
const SETTLE: Duration = Duration::from_millis(1200);

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Rounds.
    pub(super) rounds: usize,
    /// The time of a slot.
    pub(super) slot: Duration,
}

/// One load under all arms. An arm that fails is named in `states` and left out from then on;
/// without the agent there is nothing to measure, so that its failure is one of the benchmark.
pub(super) fn run(
    load: &mut Load,
    arms: &[&Arm],
    plan: Plan,
    states: &mut [ArmState],
    interrupt: &Interrupt,
) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    // What is scraped is so every five seconds of the time that it is measured, over all rounds
    // together.
    let mut measured = vec![Duration::ZERO; arms.len()];
    for round in 0..plan.rounds {
        for nth in order(arms, round) {
            let arm = arms[nth];
            if states.iter().any(|state| state.name == arm.name && state.error.is_some()) {
                continue;
            }
            match slot(load, arm, measured[nth], plan.slot, interrupt) {
                Ok(taken) => slots.push(Slot { round: round + 1, ..taken }),
                Err(error) => {
                    interrupt.check()?;
                    let Some(state) = states.iter_mut().find(|state| state.name == arm.name) else {
                        return Err(error);
                    };
                    eprintln!("bench: {} is left out from now on: {error:#}", arm.name);
                    state.error = Some(format!("{error:#}"));
                }
            }
            measured[nth] += plan.slot;
        }
        progress(load.spec.name, round + 1, plan.rounds, &slots);
    }
    Ok(slots)
}

/// The places of the arms in a round. The first arm is nothing at all: it comes before every two
/// others and at least twice, so that what is compared with it is near it. The rounds begin at
/// different places and every second one runs backwards, so that neither drift nor what ran before
/// favours anyone.
fn order<T>(arms: &[T], round: usize) -> Vec<usize> {
    let watched: Vec<usize> = (1..arms.len()).collect();
    let mut order: Vec<usize> =
        watched.chunks(2).flat_map(|two| std::iter::once(0).chain(two.iter().copied())).collect();
    if watched.len() <= 2 {
        order.push(0);
    }
    let length = order.len();
    order.rotate_left(round / 2 % length);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// One arm for one slot.
fn slot(
    load: &mut Load,
    arm: &Arm,
    measured: Duration,
    time: Duration,
    interrupt: &Interrupt,
) -> Result<Slot> {
    let mut attached = arm.attach(load, &Lines::Dropped, interrupt)?;
    let is_agent = matches!(arm.kind, Kind::Agent(_));
    let before = if is_agent { counts(&attached)? } else { (0, 0) };
    let clock = Clock::now()?;
    let (from, cpu, wakeups) = (Instant::now(), attached.cpu()?, attached.wakeups());
    let (sample, scrapes) =
        while_scraping(&attached, measured, time, || load.run(time, interrupt))?;
    interrupt.sleep(DRAIN)?;
    let (watcher, wakeups) =
        (attached.cpu()?.saturating_sub(cpu), attached.wakeups().saturating_sub(wakeups));
    let elapsed = from.elapsed();
    let others =
        clock.others(sample.load_cpu_seconds + sample.warm_cpu_seconds + watcher.as_secs_f64())?;
    let resident = attached.resident_bytes()?;
    attached.check()?;
    let mut counted = None;
    if is_agent {
        interrupt.sleep(SETTLE)?;
        let after = counts(&attached)?;
        counted = Some((after.0 - before.0, after.1 - before.1));
    }
    attached.detach(interrupt)?;
    Ok(Slot {
        round: 0,
        arm: arm.name.clone(),
        sample,
        watcher_cpu_seconds: watcher.as_secs_f64(),
        watcher_resident_bytes: resident,
        watcher_wakeups: wakeups,
        watched_seconds: elapsed.as_secs_f64(),
        others_cpus: others.0,
        stolen_cpus: others.1,
        scrapes,
        records: counted.map(|(records, _)| records),
        records_lost: counted.map(|(_, lost)| lost),
    })
}

/// Records that the agent has applied, and records that were lost.
fn counts(attached: &Attached) -> Result<(u64, u64)> {
    let page = attached.page()?;
    let count = |name| page.sum(name, &[]).unsigned_abs();
    Ok((count("tcpwarden_events_total"), count("tcpwarden_events_lost_total")))
}

/// Does `work` while what is attached is scraped where that is due; how often it was.
fn while_scraping<T>(
    attached: &Attached,
    measured: Duration,
    time: Duration,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, u32)> {
    let Some(source) = attached.source.clone() else { return Ok((work()?, 0)) };
    let due = due(measured, time);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            let start = Instant::now();
            let mut scrapes = 0;
            for at in due {
                std::thread::sleep(at.saturating_sub(start.elapsed()));
                source.text("/metrics")?;
                scrapes += 1;
            }
            anyhow::Ok(scrapes)
        });
        let done = work();
        let scrapes = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((done?, scrapes))
    })
}

/// When a scrape is due in a slot, after `measured` had gone by: the first in the middle of the
/// first five seconds.
fn due(measured: Duration, time: Duration) -> Vec<Duration> {
    let times = std::iter::successors(Some(SCRAPE / 2), |at| Some(*at + SCRAPE))
        .take_while(|at| *at < measured + time);
    times.filter_map(|at| at.checked_sub(measured)).collect()
}

fn progress(load: &str, round: usize, rounds: usize, slots: &[Slot]) {
    let rates = slots
        .iter()
        .filter(|slot| slot.round == round)
        .map(|slot| format!("{} {:.0}/s", slot.arm, slot.units_per_second()));
    eprintln!("bench: {load}, round {round} of {rounds}: {}", rates.collect::<Vec<_>>().join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_each_arm_once_and_nothing_before_every_two() {
        for round in 0..20 {
            let order = order(&["without", "a", "b", "c", "d", "e", "f"], round);
            let count = |arm| order.iter().filter(|nth| **nth == arm).count();
            assert_eq!([0, 1, 2, 3, 4, 5, 6].map(count), [3, 1, 1, 1, 1, 1, 1], "{order:?}");
        }
    }

    #[test]
    fn every_arm_is_first_in_some_round() {
        let arms = ["without", "agent", "a"];
        let mut first: Vec<_> = (0..8).map(|round| order(&arms, round)[0]).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first, [0, 1, 2]);
    }

    #[test]
    fn one_or_two_that_watch_have_nothing_on_both_sides() {
        assert_eq!(order(&["without", "agent"], 0), [0, 1, 0]);
        assert_eq!(order(&["without", "agent", "yardstick"], 0), [0, 1, 2, 0]);
    }

    #[test]
    fn scrapes_are_five_seconds_apart_in_the_time_that_is_measured() {
        let slots =
            (0..10).map(|slot| due(Duration::from_secs(2 * slot), Duration::from_secs(2)).len());
        assert_eq!(slots.collect::<Vec<_>>(), [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]);
        assert_eq!(
            due(Duration::ZERO, Duration::from_secs(8)),
            [Duration::from_millis(2500), Duration::from_millis(7500)]
        );
    }
}
