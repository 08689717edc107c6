//! `cargo xtask test --full STEP`: what takes too long for every change.
//!
//! `FullStep` is the registry: a step is a variant, its help and its work.
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

use crate::packages::Consent;
use crate::{build, root_tests, setup};

/// A step that runs only when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FullStep {
    /// The suite three times while two busy loops take the processors; a filter and --no-root hold.
    Load,
    /// Every case of a leak at once beside ten thousand healthy connections, with an agent that was
    /// there before and one that comes later.
    Crowd,
    /// Ten minutes of a healthy mix with ten thousand connections over a path of 200 ms, of which
    /// none may be accused.
    Healthy,
}

/// How often the suite runs under load.
const RUNS: usize = 3;
/// How many processors are kept busy.
const BUSY_LOOPS: usize = 2;

impl FullStep {
    /// Runs the step.
    pub(super) fn run(
        self,
        no_root: bool,
        filter: Option<&str>,
        consent: Consent,
    ) -> Result<ExitCode> {
        match self {
            Self::Load => {
                let mut suite = Command::new(format!("/proc/{}/exe", std::process::id()));
                suite.arg("test").args(no_root.then_some("--no-root")).args(filter);
                under_load(suite, RUNS)
            }
            Self::Crowd => live("long::crowd", consent),
            Self::Healthy => live("long::healthy", consent),
        }
    }
}

/// Builds the agent and runs long tests on the live kernel.
fn live(filter: &str, consent: Consent) -> Result<ExitCode> {
    let toolchain = setup::for_build(consent)?;
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    let counts = root_tests::LIVE.run_long(&agent, filter)?;
    println!("\n== {filter}: {counts}");
    let is_ok = counts.failed == 0 && counts.passed > 0;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a suite several times beside busy loops, and prints how each run ended.
fn under_load(mut suite: Command, runs: usize) -> Result<ExitCode> {
    let _loops = busy_loops()?;
    let mut lines = Vec::new();
    let mut ok = true;
    for run in 1..=runs {
        eprintln!("\n== load: run {run} of {runs}, {BUSY_LOOPS} busy loops beside it");
        let started = Instant::now();
        let status = suite.status().context("start the suite")?;
        ok &= status.success();
        let end = if status.success() { "ok" } else { "FAILED" };
        lines.push(format!("run {run}: {end} ({} s)", started.elapsed().as_secs()));
    }
    println!("\n== load\n{}", lines.join("\n"));
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the loops; each ends with its handle, and with this process.
fn busy_loops() -> Result<Vec<Process>> {
    let launch = || {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        Launch::new("a busy loop", command)
            .output(Output::Inherited)
            .ending(Ending::Signal(Signal::SIGTERM))
            .tied()
            .spawn()
    };
    (0..BUSY_LOOPS).map(|_| launch()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::test::Args;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn script(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn an_unknown_step_is_an_error_that_lists_the_known_ones() {
        let parsed = Cli::try_parse_from(["test", "--full", "load"]);
        assert_eq!(parsed.ok().and_then(|cli| cli.args.full), Some(FullStep::Load));
        let error = Cli::try_parse_from(["test", "--full", "soap"]).err().unwrap().to_string();
        assert!(
            error.contains("soap") && error.contains("[possible values: load, crowd, healthy]"),
            "{error}"
        );
    }

    #[test]
    fn the_busy_loops_end_with_their_handles() {
        let mut loops = busy_loops().unwrap();
        assert_eq!(loops.len(), BUSY_LOOPS);
        assert!(loops.iter_mut().all(|each| !each.ended()));
        let name = format!("/proc/{}/task/{}/children", std::process::id(), nix::unistd::gettid());
        assert_ne!(std::fs::read_to_string(&name).unwrap(), "");
        drop(loops);
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "");
    }

    #[test]
    fn one_failed_run_fails_the_step_and_stops_no_other() {
        let counter = std::env::temp_dir().join(format!("load-{}", std::process::id()));
        let text = format!("echo run >>{0}; test $(wc -l <{0}) != 2", counter.display());
        let code = under_load(script(&text), 3).unwrap();
        let runs = std::fs::read_to_string(&counter).unwrap();
        std::fs::remove_file(&counter).unwrap();
        assert_eq!(runs, "run\nrun\nrun\n");
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(
            format!("{:?}", under_load(script("true"), 1).unwrap()),
            format!("{:?}", ExitCode::SUCCESS)
        );
    }
}
