//! `cargo xtask dashboards`: writes what is made from the metric catalogue: dashboards, rules,
//! runbooks, docs/metrics.md.
use anyhow::Result;

use crate::build::{self, Profile};
use crate::setup::{self, ConsentArgs};
use crate::{cargo, process, workspace};

/// Write dashboards, alert rules, runbooks and docs/metrics.md from the metric catalogue.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the committed files; fails where they differ.
    #[arg(long)]
    check: bool,
    /// Where the runbooks are published; stands before their names in the alerts.
    #[arg(long, value_name = "URL", conflicts_with = "check")]
    runbooks: Option<String>,
    #[command(flatten)]
    consent: ConsentArgs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let toolchain = setup::for_build(args.consent.consent())?;
    let agent = build::agent(&toolchain, Profile::Release)?;
    let mut command = cargo::cargo("run")?;
    command
        .args(["--quiet", "--package", "dashboards", "--"])
        .env("TCPWARDEN_BPF_OBJECT", &agent.object);
    if args.check {
        command.arg("--check");
    }
    command.arg(workspace::root());
    if let Some(url) = &args.runbooks {
        command.args(["--runbooks", url]);
    }
    process::run(&mut command)
}
