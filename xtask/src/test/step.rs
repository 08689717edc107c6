//! The steps of the suite: what each runs, and how it ends.
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::bench::check;
use crate::build::Agent;
use crate::results::{self, Counts};
use crate::root_tests::{self, RootTest};
use crate::{book, cargo, kernels, lab, process, soak};

/// A step, in the order of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Step {
    /// rustfmt.
    Format,
    /// The release build of the agent.
    Build,
    /// The lints.
    Clippy,
    /// What needs neither root nor a kernel.
    Unit,
    /// The pages as a book, and its links.
    Book,
    /// Instructions and allocations, compared with the commit before.
    Cost,
    /// The agent in the running kernel.
    Live,
    /// The agent under a mixed load with faults for a minute.
    Soak,
    /// The scenarios of the lab.
    Lab,
    /// The dashboards and alerts on a live agent.
    Dashboards,
    /// The live tests on other kernels.
    Kernels,
}

/// What a step left behind, for the summary.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) step: Step,
    pub(crate) result: Result<Done>,
    pub(crate) seconds: u64,
}

/// How a step that did not break off ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    /// It has no tests of its own, and nothing was wrong.
    Checked,
    /// It ran tests.
    Ran(Counts),
    /// It had nothing to do, and why.
    Nothing(String),
}

impl Step {
    /// Returns the name that the summary and `test-step` use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Build => "build",
            Self::Clippy => "clippy",
            Self::Unit => "unit",
            Self::Book => "book",
            Self::Cost => "cost",
            Self::Live => "live",
            Self::Soak => "soak",
            Self::Lab => "lab",
            Self::Dashboards => "dashboards",
            Self::Kernels => "kernels",
        }
    }

    /// Runs the work of this step, times it and prints its error.
    pub(crate) fn take(self, work: impl FnOnce() -> Result<Done>) -> Outcome {
        eprintln!("\n== {}", self.name());
        let started = Instant::now();
        let result = work();
        if let Err(error) = &result {
            eprintln!("{}: {error:#}", self.name());
        }
        Outcome { step: self, result, seconds: started.elapsed().as_secs() }
    }

    /// Runs this step with the agent that the step `build` left.
    pub(crate) fn run(self, agent: &Agent, filter: Option<&str>) -> Result<Done> {
        match self {
            Self::Format => format(),
            Self::Build => Ok(Done::Checked),
            Self::Clippy => clippy(agent),
            Self::Unit => unit(agent, filter),
            Self::Book => book::check().map(|()| Done::Checked),
            Self::Cost => cost(agent),
            Self::Live => root_tests::LIVE.run(agent, filter).map(Done::Ran),
            Self::Soak => soak::short(agent).map(Done::Ran),
            Self::Lab => root_tests::LAB.run(agent, filter).map(Done::Ran),
            Self::Dashboards => root_tests::DASHBOARDS.run(agent, filter).map(Done::Ran),
            Self::Kernels => kernels::boot_defaults(agent).map(Done::Ran),
        }
    }
}

/// Compares the form of all Rust files with rustfmt's.
pub(crate) fn format() -> Result<Done> {
    process::run(cargo::cargo("fmt")?.args(["--all", "--check"]))?;
    Ok(Done::Checked)
}

/// Lints the code, then the links of its documentation.
fn clippy(agent: &Agent) -> Result<Done> {
    for mut command in [cargo::clippy()?, cargo::rustdoc()?] {
        process::run(command.env("TCPWARDEN_BPF_OBJECT", &agent.object))?;
    }
    Ok(Done::Checked)
}

/// Returns cargo with the tests of the step `unit`, those in documentation left out.
fn unit_tests(agent: &Agent) -> Result<Command> {
    let mut tests = cargo::cargo("test")?;
    tests
        .env("TCPWARDEN_BPF_OBJECT", &agent.object)
        .args(cargo::USER_SIDE)
        .args(["--lib", "--bins"]);
    for name in cargo::integration_tests()?
        .iter()
        .filter(|name| RootTest::ALL.iter().all(|root| root.test != *name))
    {
        tests.args(["--test", name]);
    }
    Ok(tests)
}

/// Builds the tests of this machine without running them.
pub(crate) fn compile(agent: &Agent, no_root: bool) -> Result<()> {
    process::run(unit_tests(agent)?.arg("--no-run"))?;
    if !no_root {
        for test in RootTest::ALL {
            test.binary(agent)?;
        }
        lab::binary()?;
    }
    Ok(())
}

/// Everything that needs neither root nor a kernel: the tests in the sources, the other integration
/// tests, the examples in the documentation.
fn unit(agent: &Agent, filter: Option<&str>) -> Result<Done> {
    let mut counts = results::run(unit_tests(agent)?.arg("--no-fail-fast").args(filter))?;
    let mut examples = cargo::cargo("test")?;
    examples.env("TCPWARDEN_BPF_OBJECT", &agent.object).args(cargo::USER_SIDE);
    counts += results::run(examples.args(["--no-fail-fast", "--doc"]).args(filter))?;
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
