//! `cargo xtask test`: the whole suite, step by step; every step runs, and the last line adds up the tests.
//!
//! A step that ran no test fails: a suite that finds nothing to do must not look like one that passed.
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::build::Agent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, kernels, process, results, workspace};

/// Run the whole test suite: style, unit tests, the live kernel, and the kernels in guests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests on the live kernel, which need root.
    #[arg(long)]
    no_root: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Only the unit and live tests whose name contains this.
    filter: Option<String>,
}

/// The integration test that loads the agent into the running kernel.
const LIVE: &str = "live";

/// What a step left behind, for the summary.
struct Outcome {
    name: &'static str,
    result: Result<Option<Counts>>,
    seconds: u64,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let rights = args.no_root || process::is_root() || (process::is_interactive() && process::on_path("sudo"));
    if !rights {
        bail!("the tests on the live kernel need root: run as root, or leave them out with --no-root");
    }
    let consent = args.consent.consent();
    let toolchain = setup::for_build(consent)?;
    setup::for_tests(consent)?;
    let filter = args.filter.as_deref();
    let mut outcomes = Vec::new();
    if filter.is_none() {
        outcomes.push(step("format", || check(cargo::cargo("fmt")?.args(["--all", "--check"]))));
    }
    let started = Instant::now();
    eprintln!("\n== build");
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    outcomes.push(Outcome { name: "build", result: Ok(None), seconds: started.elapsed().as_secs() });
    if filter.is_none() {
        outcomes.push(step("clippy", || clippy(&agent)));
    }
    outcomes.push(step("unit", || unit(&agent, filter)));
    if !args.no_root {
        outcomes.push(step(LIVE, || live(&agent, filter)));
    }
    if filter.is_none() {
        outcomes.push(step("kernels", || kernels::boot_defaults(&agent)));
    }
    Ok(summary(&outcomes, filter))
}

/// Runs one step under its name; a step that counts tests must have run some.
fn step(name: &'static str, run: impl FnOnce() -> Result<Option<Counts>>) -> Outcome {
    eprintln!("\n== {name}");
    let started = Instant::now();
    let result = run();
    if let Err(error) = &result {
        eprintln!("{name}: {error:#}");
    }
    Outcome { name, result, seconds: started.elapsed().as_secs() }
}

fn check(command: &mut Command) -> Result<Option<Counts>> {
    process::run(command)?;
    Ok(None)
}

fn clippy(agent: &Agent) -> Result<Option<Counts>> {
    let mut command = cargo::cargo("clippy")?;
    command.env("TCPWARDEN_BPF_OBJECT", &agent.object);
    command.args(["--workspace", "--exclude", "agent-ebpf", "--all-targets", "--", "--deny", "warnings"]);
    check(&mut command)
}

/// Everything that needs neither root nor a kernel: the tests in the sources, the other integration tests, the
/// examples in the documentation.
fn unit(agent: &Agent, filter: Option<&str>) -> Result<Option<Counts>> {
    let workspace = ["--workspace", "--exclude", "agent-ebpf", "--no-fail-fast"];
    let mut tests = cargo::cargo("test")?;
    tests.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(workspace).args(["--lib", "--bins"]);
    for name in cargo::integration_tests()?.iter().filter(|name| *name != LIVE) {
        tests.args(["--test", name]);
    }
    let mut counts = results::run(tests.args(filter))?;
    let mut examples = cargo::cargo("test")?;
    examples.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(workspace).arg("--doc").args(filter);
    counts += results::run(&mut examples)?;
    Ok(Some(counts))
}

/// The tests on the running kernel, as root, with the release binary.
fn live(agent: &Agent, filter: Option<&str>) -> Result<Option<Counts>> {
    let tests = live_binary(agent)?;
    let mut command = process::privileged("env", "for the tests on the live kernel: they load the agent and make network namespaces")?;
    let mut path = std::ffi::OsString::from("PATH=");
    path.push(workspace::path()?);
    let mut binary = std::ffi::OsString::from("TCPWARDEN_BIN=");
    binary.push(&agent.binary);
    command.arg(path).arg(binary).arg(tests).args(filter).current_dir(workspace::root().join("agent"));
    results::run(&mut command).map(Some)
}

/// Builds the live tests without running them.
pub(crate) fn live_binary(agent: &Agent) -> Result<std::path::PathBuf> {
    let mut command = cargo::cargo("test")?;
    command.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(["--package", "tcpwarden", "--test", LIVE, "--no-run"]);
    cargo::build(&mut command).context("build the live tests")?.executable(LIVE)
}

/// One line a step, then the sum; a failure when anything failed.
fn summary(outcomes: &[Outcome], filter: Option<&str>) -> ExitCode {
    println!("\n== summary");
    let mut sum = Counts::default();
    let mut ok = true;
    for Outcome { name, result, seconds } in outcomes {
        let verdict = match result {
            Err(error) => format!("FAILED, {}", format!("{error:#}").lines().next().unwrap_or_default()),
            Ok(None) => "ok".to_owned(),
            Ok(Some(counts)) => {
                sum += *counts;
                let none = *counts == Counts::default() && filter.is_none();
                let word = if counts.failed > 0 || none { "FAILED, " } else { "" };
                format!("{word}{counts}")
            }
        };
        ok &= !verdict.starts_with("FAILED");
        println!("{name}: {verdict} ({seconds} s)");
    }
    if sum == Counts::default() {
        println!("FAILED: no test ran");
        ok = false;
    }
    println!("tests: {sum}");
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
