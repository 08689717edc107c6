//! `cargo xtask dashboards`: writes the list of alerts from their folders, then what is made from
//! the metric catalogue: dashboards, rules, runbooks, docs/metrics.md. The generator does not link
//! the agent, so this needs no kernel side.
use anyhow::Result;

use crate::setup::ConsentArgs;
use crate::{alerts, cargo, process, workspace};

/// Write dashboards, alert rules, runbooks and docs/metrics.md from the metric catalogue.
///
/// Nothing needs to be installed: `--yes` is accepted, as by the other commands, and has no effect.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the committed files; fails where they differ.
    #[arg(long)]
    check: bool,
    /// Where the runbooks are published; stands before their names in the alerts.
    #[arg(long, value_name = "URL", conflicts_with = "check")]
    runbooks: Option<String>,
    #[command(flatten)]
    _consent: ConsentArgs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    // The list first: the generator is compiled with it.
    if args.check {
        alerts::check()?;
    } else {
        alerts::write()?;
    }
    let mut command = cargo::cargo("run")?;
    command.args(["--quiet", "--package", "dashboards", "--"]);
    if args.check {
        command.arg("--check");
    }
    command.arg(workspace::root());
    if let Some(url) = &args.runbooks {
        command.args(["--runbooks", url]);
    }
    process::run(&mut command)
}
