//! `cargo xtask test`: the whole suite, step by step; every step runs, and the last line adds up
//! the tests.
//!
//! A step that ran no test fails: a suite that finds nothing to do must not look like one that
//! passed. What does not need the same machine runs side by side (`lanes`).
mod beside;
mod full;
mod lanes;
mod software;
mod step;
mod summary;

use std::process::ExitCode;

use anyhow::{Result, bail};

use self::full::FullStep;
use self::lanes::Stage;
use self::step::Step;
use crate::setup::{self, ConsentArgs};
use crate::{book, build, chart, fleet, fuzz, kernels, machines, page, process, soak, supply};

pub(crate) use self::beside::{StepArgs, main as step};

/// Run the whole test suite: style, unit tests, the cost of the agent's code, the live kernel, the
/// lab, the dashboards, and the kernels in guests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests that need root: on the live kernel, of the lab, and of the dashboards
    /// with both.
    #[arg(long)]
    no_root: bool,
    /// Run what takes too long for every change, instead of the suite.
    #[arg(long, value_name = "STEP", value_enum)]
    full: Option<FullStep>,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Only the tests whose name contains this, those in guests left out.
    filter: Option<String>,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    match args.full {
        None => suite(args, false),
        Some(FullStep::Load) => suite(args, true),
        Some(FullStep::Software) => software::main(args.filter.as_deref(), args.consent.consent()),
        Some(FullStep::Soak) => soak::long(args.consent.consent()),
        Some(FullStep::Machines) => machines::main(args.filter.as_deref(), args.consent.consent()),
        Some(FullStep::Arm64) => {
            kernels::arm64::main(args.filter.as_deref(), args.consent.consent())
        }
        Some(FullStep::Supply) => supply::main(args.consent.consent()),
        Some(FullStep::Book) => book::check().map(|()| ExitCode::SUCCESS),
        Some(FullStep::Chart) => chart::main(args.consent.consent()),
        Some(FullStep::Page) => page::main(args.consent.consent()),
        Some(FullStep::Fuzz) => fuzz::long(args.filter.as_deref()),
        Some(FullStep::Fleet) => fleet::long(args.filter.as_deref(), args.consent.consent()),
        Some(FullStep::Crowd) => full::live("long::crowd", args.consent.consent()),
        Some(FullStep::Growth) => full::live("long::growth", args.consent.consent()),
        Some(FullStep::Faults) => full::live("long::faults", args.consent.consent()),
        Some(FullStep::Healthy) => full::live("long::healthy", args.consent.consent()),
    }
}

/// Runs the suite; under load it is the tests on this machine, once all are built.
fn suite(args: &Args, load: bool) -> Result<ExitCode> {
    let rights = args.no_root
        || process::is_root()
        || (process::is_interactive() && process::on_path("sudo"));
    if !rights {
        bail!(
            "the tests on the live kernel need root: run as root, or leave them out with --no-root"
        );
    }
    let consent = args.consent.consent();
    let toolchain = setup::for_build(consent)?;
    setup::for_tests(consent)?;
    let filter = args.filter.as_deref();
    let mut outcomes = Vec::new();
    if filter.is_none() && !load {
        outcomes.push(Step::Format.take(step::format));
    }
    let mut built = None;
    let outcome = Step::Build.take(|| {
        let agent = build::agent(&toolchain, build::Profile::Release)?;
        if load {
            step::compile(&agent, args.no_root)?;
        }
        built = Some(agent);
        Ok(step::Done::Checked)
    });
    // Nothing else can run without it.
    let Some(agent) = built else { return outcome.result.map(|_| ExitCode::FAILURE) };
    outcomes.push(outcome);
    let here = |step: Step| step.take(|| step.run(&agent, filter));
    let beside = |step: Step, nice: bool| beside::run(step, nice, &agent);
    let plan = plan(args.no_root, filter.is_some() || load);
    let stages = || lanes::run(&plan, here, beside);
    outcomes.extend(if load { full::under_load(stages)? } else { stages()? });
    Ok(summary::print(outcomes, filter))
}

/// Returns what runs after the build; nothing but the tests on this machine if `only_tests`.
fn plan(no_root: bool, only_tests: bool) -> Vec<Stage> {
    if only_tests {
        let root: &[Step] = if no_root { &[] } else { &[Step::Live, Step::Lab, Step::Dashboards] };
        return [&[Step::Unit], root].concat().into_iter().map(Stage::Alone).collect();
    }
    let mut stages = [Step::Clippy, Step::Unit, Step::Book].map(Stage::Alone).to_vec();
    if !no_root {
        // It compares counters of the whole machine, which the sockets of other tests would change,
        // and it times what the agent does.
        stages.extend([Stage::Alone(Step::Live), Stage::Alone(Step::Soak)]);
    }
    // The proofs of the lab and of the dashboards mostly wait, for alerts that take seconds to
    // fire. The guests have no network: they open no socket on this machine, and they are nice, so
    // that they take only the time that nobody else wants. What computes for minutes would take
    // all of it: lints and unit tests run before. Instructions are counted, not timed, so `cost`
    // may share the processors too.
    let waiting: &[Step] = if no_root { &[] } else { &[Step::Lab, Step::Dashboards] };
    stages.push(Stage::SideBySide {
        first: [waiting, &[Step::Cost]].concat(),
        nice: vec![Step::Kernels],
    });
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(stages: &[Stage]) -> Vec<Step> {
        let of = |stage: &Stage| match stage {
            Stage::Alone(step) => vec![*step],
            Stage::SideBySide { first, nice } => [&first[..], nice].concat(),
        };
        let mut steps: Vec<Step> = stages.iter().flat_map(of).collect();
        steps.sort_unstable();
        steps
    }

    #[test]
    fn the_plan_has_every_step_after_the_build_once() {
        use Step::{Book, Clippy, Cost, Dashboards, Kernels, Lab, Live, Soak, Unit};
        let all = [Clippy, Unit, Book, Cost, Live, Soak, Lab, Dashboards, Kernels];
        assert_eq!(steps(&plan(false, false)), all);
        assert_eq!(steps(&plan(true, false)), [Clippy, Unit, Book, Cost, Kernels]);
        assert_eq!(steps(&plan(false, true)), [Unit, Live, Lab, Dashboards]);
        assert_eq!(steps(&plan(true, true)), [Unit]);
    }

    #[test]
    fn the_live_tests_and_the_soak_run_alone() {
        let plan = plan(false, false);
        for step in [Step::Live, Step::Soak] {
            assert!(plan.contains(&Stage::Alone(step)), "{step:?}");
        }
    }
}
