//! `cargo xtask lab NAME`: builds the scenarios and replaces this process by one of them.
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::setup::ConsentArgs;
use crate::{cargo, packages, process, workspace};

/// Make one classic TCP failure happen in network namespaces of its own; `lab list` names them.
/// Asks through sudo when not root.
#[derive(clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    consent: ConsentArgs,
    /// The scenario or `list`, then `--seconds N` (120) and `--agent URL`
    /// (`http://127.0.0.1:10793`).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<OsString>,
}

/// Programs that make the network of a scenario, with the package that brings each.
const PROGRAMS: [(&str, &str); 2] = [("ip", "iproute2"), ("nft", "nftables")];

pub(crate) fn main(args: &Args) -> Result<()> {
    let binary = binary()?;
    let plays = args
        .arguments
        .first()
        .is_some_and(|first| first != "list" && !first.to_string_lossy().starts_with('-'));
    let mut command = if plays {
        let missing: Vec<_> = PROGRAMS
            .iter()
            .filter(|(program, _)| !process::on_path(program))
            .map(|(_, package)| *package)
            .collect();
        packages::install(&missing, "for the network of a scenario", args.consent.consent())?;
        process::privileged(&binary, "to make network namespaces")?
    } else {
        std::process::Command::new(&binary)
    };
    // Replacing this process lets signals pass between the scenario and the terminal; it cleans up
    // on each.
    let error = command.env("PATH", workspace::path()?).args(&args.arguments).exec();
    Err(error).with_context(|| format!("start {}", binary.display()))
}

/// Builds the program that plays scenarios.
pub(crate) fn binary() -> Result<PathBuf> {
    let artifacts = cargo::build(cargo::cargo("build")?.args(["--quiet", "--package", "lab"]))
        .context("build the scenarios")?;
    artifacts.executable("lab")
}
