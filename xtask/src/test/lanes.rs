//! Stages of the suite: one step alone, or two lanes side by side.
//!
//! A step that runs alone prints as it goes. Steps side by side keep their output to themselves
//! until they end, so that no two mix (`beside`).
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::SIGINT;

use super::step::{Outcome, Step};

/// Steps that run at the same time; the next stage begins when all have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// One step with the machine to itself.
    Alone(Step),
    /// Two lanes, each of which runs its steps one after another.
    SideBySide {
        /// What needs the processors at once when it needs them.
        first: Vec<Step>,
        /// What takes the time that the first lane leaves.
        nice: Vec<Step>,
    },
}

/// Runs all stages: a step alone through `here`, a step of a lane through `beside`, which is told
/// whether the step is nice. Returns the outcomes in the order in which the steps ended.
///
/// # Errors
/// Ctrl-C during steps side by side, after these have ended.
pub(super) fn run(
    stages: &[Stage],
    mut here: impl FnMut(Step) -> Outcome,
    beside: impl Fn(Step, bool) -> Outcome + Sync,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for stage in stages {
        match stage {
            Stage::Alone(step) => outcomes.push(here(*step)),
            Stage::SideBySide { first, nice } => {
                outcomes.extend(side_by_side(first, nice, &beside)?);
            }
        }
    }
    Ok(outcomes)
}

fn side_by_side(
    first: &[Step],
    nice: &[Step],
    beside: &(impl Fn(Step, bool) -> Outcome + Sync),
) -> Result<Vec<Outcome>> {
    // Ctrl-C reaches the steps too. This process stays until they have cleaned up.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)).context("listen to Ctrl-C")?;
    let lane = |steps: &[Step], nice: bool| {
        let going_on = steps.iter().take_while(|_| !interrupted.load(Ordering::Relaxed));
        going_on.map(|step| beside(*step, nice)).collect::<Vec<_>>()
    };
    let (outcomes, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| lane(nice, true));
        (lane(first, false), others.join())
    });
    if interrupted.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    let Ok(others) = others else { bail!("the thread of the second lane panicked") };
    Ok(outcomes.into_iter().chain(others).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::step::Done;
    use super::*;

    fn done(step: Step) -> Outcome {
        Outcome { step, result: Ok(Done::Checked), seconds: 0 }
    }

    #[test]
    fn stages_follow_each_other_and_lanes_keep_their_order() {
        let log = Mutex::new(Vec::new());
        let note = |step: Step, nice: bool| {
            log.lock().unwrap().push((step, nice));
            done(step)
        };
        let stages = [
            Stage::Alone(Step::Clippy),
            Stage::SideBySide { first: vec![Step::Lab, Step::Cost], nice: vec![Step::Kernels] },
            Stage::Alone(Step::Live),
        ];
        let outcomes = run(&stages, |step| note(step, false), note).unwrap();
        assert_eq!(outcomes.len(), 5);
        let log = log.into_inner().unwrap();
        assert_eq!(log.first(), Some(&(Step::Clippy, false)));
        assert_eq!(log.last(), Some(&(Step::Live, false)));
        assert!(log.contains(&(Step::Kernels, true)), "{log:?}");
        let at = |step| log.iter().position(|(it, _)| *it == step);
        assert!(at(Step::Lab) < at(Step::Cost), "{log:?}");
    }

    #[test]
    fn two_lanes_run_at_the_same_time() {
        let (from_first, to_nice) = mpsc::channel();
        let (from_nice, to_first) = mpsc::channel();
        let (to_nice, to_first) = (Mutex::new(to_nice), Mutex::new(to_first));
        let limit = Duration::from_secs(30);
        // Each waits for the other: one after another, both would wait in vain.
        let meet = |step: Step, nice: bool| {
            let (send, receive) =
                if nice { (&from_nice, &to_nice) } else { (&from_first, &to_first) };
            send.send(()).unwrap();
            receive.lock().unwrap().recv_timeout(limit).unwrap();
            done(step)
        };
        let stage = Stage::SideBySide { first: vec![Step::Lab], nice: vec![Step::Kernels] };
        assert_eq!(run(&[stage], done, meet).unwrap().len(), 2);
    }

    #[test]
    fn a_step_that_fails_stops_no_other() {
        let fail = |step: Step, _nice: bool| Outcome {
            step,
            result: Err(anyhow::anyhow!("it broke")),
            seconds: 0,
        };
        let stage = Stage::SideBySide { first: vec![Step::Lab, Step::Cost], nice: vec![] };
        let outcomes = run(&[stage, Stage::Alone(Step::Live)], done, fail).unwrap();
        let failed: Vec<bool> = outcomes.iter().map(|outcome| outcome.result.is_err()).collect();
        assert_eq!(failed, [true, true, false]);
    }
}
