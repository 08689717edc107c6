//! `cargo xtask demo`: the agent, Prometheus, Alertmanager and one scenario of the lab with one
//! command.
//!
//! Builds as the user that calls it. This program, started again as root (`play`), does what needs
//! root.
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, lab, process, workspace};

mod grafana;
mod play;

pub(crate) use play::{PlayArgs, play};

/// Show a failure and its alert: the agent, Prometheus, Alertmanager and a scenario of the lab;
/// Ctrl-C ends all.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario; `cargo xtask lab list` names them.
    #[arg(default_value = "fd-leak")]
    scenario: String,
    /// For how long the failure goes on, in seconds.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(3..=3600))]
    seconds: u64,
    /// With the times of production: most alerts then take ten minutes and more. Without it, a
    /// minute of theirs passes in a second.
    #[arg(long)]
    production: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let lab = lab::binary()?;
    check_name(&lab, &args.scenario)?;
    let toolchain = setup::for_build(args.consent.consent())?;
    setup::for_tests(args.consent.consent())?;
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    let rules = if args.production {
        workspace::root().join("dashboards/prometheus")
    } else {
        short_rules(&agent)?
    };
    let myself = std::env::current_exe().context("find this program")?;
    let mut command = process::privileged(
        "env",
        "to load programs into the kernel and to make network namespaces",
    )?;
    let mut path = OsString::from("PATH=");
    path.push(workspace::path()?);
    command.arg(path).arg(myself).args([
        "demo-play",
        &args.scenario,
        "--seconds",
        &args.seconds.to_string(),
    ]);
    command.arg("--agent").arg(agent.binary).arg("--lab").arg(lab).arg("--rules").arg(rules);
    if args.production {
        command.arg("--production");
    }
    // Replacing this process lets signals reach the one that cleans up.
    let error = command.exec();
    Err(error).context("start the demo")
}

/// Fails if the lab has no scenario of this name, before anything is started.
fn check_name(lab: &Path, name: &str) -> Result<()> {
    let list = process::output(Command::new(lab).arg("list"))?;
    let known = list.lines().any(|line| line.split_whitespace().next() == Some(name));
    ensure!(known, "no scenario is called {name:?}; there are:\n{list}");
    Ok(())
}

/// Writes the rules with short times. Returns their folder.
fn short_rules(agent: &build::Agent) -> Result<PathBuf> {
    let folder = workspace::root().join("target/demo");
    let mut command = cargo::cargo("run")?;
    command
        .env("TCPWARDEN_BPF_OBJECT", &agent.object)
        .args(["--quiet", "--package", "dashboards", "--", "--live"])
        .arg(&folder);
    process::run(&mut command).context("write the rules")?;
    Ok(folder.join("dashboards/prometheus"))
}
