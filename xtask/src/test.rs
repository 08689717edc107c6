//! `cargo xtask test`: the whole suite, step by step; every step runs, and the last line adds up
//! the tests.
//!
//! A step that ran no test fails: a suite that finds nothing to do must not look like one that
//! passed.
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::bench::check;
use crate::build::Agent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, kernels, lab, process, results, workspace};

/// Run the whole test suite: style, unit tests, the cost of the agent's code, the live kernel, the
/// lab, the dashboards, and the kernels in guests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests that need root: on the live kernel, of the lab, and of the dashboards
    /// with both.
    #[arg(long)]
    no_root: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Only the tests whose name contains this, those in guests left out.
    filter: Option<String>,
}

/// The integration tests that need root, each with its package and the step that runs it: the agent
/// in the running kernel, the scenarios of the lab, and both with Prometheus and Alertmanager.
const ROOT_TESTS: [RootTest; 3] = [
    RootTest {
        step: "live",
        package: "tcpwarden",
        test: LIVE,
        folder: "agent",
        why: "on the live kernel: they load the agent",
    },
    RootTest {
        step: "lab",
        package: "lab",
        test: "lab",
        folder: "xtask/lab",
        why: "of the lab: they make network namespaces",
    },
    RootTest {
        step: "dashboards",
        package: "dashboards",
        test: "dashboards_live",
        folder: "dashboards",
        why: "of the dashboards: they load the agent and run the lab",
    },
];
/// The first of them, which also runs in guests.
const LIVE: &str = "live";

/// A test that runs as root, with the release builds of what it tests.
struct RootTest {
    step: &'static str,
    package: &'static str,
    test: &'static str,
    folder: &'static str,
    why: &'static str,
}

/// What a step left behind, for the summary.
struct Outcome {
    name: &'static str,
    result: Result<Done>,
    seconds: u64,
}

/// How a step that did not break off ended.
enum Done {
    /// It has no tests of its own, and nothing was wrong.
    Checked,
    /// It ran tests.
    Ran(Counts),
    /// It had nothing to do, and why.
    Nothing(String),
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
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
    if filter.is_none() {
        outcomes.push(step("format", || run(cargo::cargo("fmt")?.args(["--all", "--check"]))));
    }
    let started = Instant::now();
    eprintln!("\n== build");
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    outcomes.push(Outcome {
        name: "build",
        result: Ok(Done::Checked),
        seconds: started.elapsed().as_secs(),
    });
    if filter.is_none() {
        outcomes.push(step("clippy", || clippy(&agent)));
    }
    outcomes.push(step("unit", || unit(&agent, filter)));
    if filter.is_none() {
        outcomes.push(step("cost", || cost(&agent)));
    }
    if !args.no_root {
        for test in &ROOT_TESTS {
            outcomes.push(step(test.step, || as_root(test, &agent, filter)));
        }
    }
    if filter.is_none() {
        outcomes.push(step("kernels", || {
            Ok(kernels::boot_defaults(&agent)?.map_or(Done::Checked, Done::Ran))
        }));
    }
    Ok(summary(&outcomes, filter))
}

/// Runs one step under its name; a step that counts tests must have run some.
fn step(name: &'static str, run: impl FnOnce() -> Result<Done>) -> Outcome {
    eprintln!("\n== {name}");
    let started = Instant::now();
    let result = run();
    if let Err(error) = &result {
        eprintln!("{name}: {error:#}");
    }
    Outcome { name, result, seconds: started.elapsed().as_secs() }
}

fn run(command: &mut Command) -> Result<Done> {
    process::run(command)?;
    Ok(Done::Checked)
}

fn clippy(agent: &Agent) -> Result<Done> {
    let mut command = cargo::cargo("clippy")?;
    command.env("TCPWARDEN_BPF_OBJECT", &agent.object);
    command.args([
        "--workspace",
        "--exclude",
        "agent-ebpf",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    run(&mut command)
}

/// Everything that needs neither root nor a kernel: the tests in the sources, the other integration
/// tests, the examples in the documentation.
fn unit(agent: &Agent, filter: Option<&str>) -> Result<Done> {
    let workspace = ["--workspace", "--exclude", "agent-ebpf", "--no-fail-fast"];
    let mut tests = cargo::cargo("test")?;
    tests.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(workspace).args(["--lib", "--bins"]);
    for name in cargo::integration_tests()?
        .iter()
        .filter(|name| ROOT_TESTS.iter().all(|root| root.test != *name))
    {
        tests.args(["--test", name]);
    }
    let mut counts = results::run(tests.args(filter))?;
    let mut examples = cargo::cargo("test")?;
    examples.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(workspace).arg("--doc").args(filter);
    counts += results::run(&mut examples)?;
    Ok(Done::Ran(counts))
}

/// What the agent's own code costs, compared with the commit before: each piece of work counts as a
/// test.
fn cost(agent: &Agent) -> Result<Done> {
    Ok(match check::check(&agent.object, None, None)? {
        check::Outcome::Compared(counts) => Done::Ran(counts),
        check::Outcome::Nothing(why) => Done::Nothing(format!("nothing compared: {why}")),
    })
}

/// The tests that need root, with the release builds of the agent and the lab.
fn as_root(test: &RootTest, agent: &Agent, filter: Option<&str>) -> Result<Done> {
    let tests = test_binary(test.package, test.test, agent)?;
    let lab = lab::binary()?;
    let mut command = process::privileged("env", &format!("for the tests {}", test.why))?;
    for (variable, value) in [
        ("PATH", workspace::path()?.as_os_str()),
        ("TCPWARDEN_BIN", agent.binary.as_os_str()),
        ("LAB_BIN", lab.as_os_str()),
    ] {
        let mut assignment = std::ffi::OsString::from(variable);
        assignment.push("=");
        assignment.push(value);
        command.arg(assignment);
    }
    command.arg(tests).args(filter).current_dir(workspace::root().join(test.folder));
    results::run(&mut command).map(Done::Ran)
}

/// Builds the live tests without running them.
pub(crate) fn live_binary(agent: &Agent) -> Result<PathBuf> {
    test_binary("tcpwarden", LIVE, agent)
}

fn test_binary(package: &str, test: &str, agent: &Agent) -> Result<PathBuf> {
    let mut command = cargo::cargo("test")?;
    command.env("TCPWARDEN_BPF_OBJECT", &agent.object).args([
        "--package",
        package,
        "--test",
        test,
        "--no-run",
    ]);
    cargo::build(&mut command)
        .with_context(|| format!("build the tests {test} of {package}"))?
        .test(test)
}

/// One line a step, then the sum; a failure when anything failed.
fn summary(outcomes: &[Outcome], filter: Option<&str>) -> ExitCode {
    println!("\n== summary");
    let mut sum = Counts::default();
    let mut ok = true;
    for Outcome { name, result, seconds } in outcomes {
        let verdict = match result {
            Err(error) => {
                format!("FAILED, {}", format!("{error:#}").lines().next().unwrap_or_default())
            }
            Ok(Done::Checked) => "ok".to_owned(),
            Ok(Done::Nothing(why)) => format!("NOT DONE, {why}"),
            Ok(Done::Ran(counts)) => {
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
