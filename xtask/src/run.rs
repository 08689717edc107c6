//! `cargo xtask run`: sets up, builds, and replaces this process by the agent.
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::setup::{self, ConsentArgs};
use crate::{build, process};

/// Build the agent and start it; asks through sudo when not root.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    consent: ConsentArgs,
    /// Passed to `tcpwarden run`.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let toolchain = setup::for_build(args.consent.consent())?;
    let binary = build::agent(&toolchain, build::Profile::Release)?.binary;
    let mut command = process::privileged(
        &binary,
        "to load programs into the kernel and to see every process's sockets",
    )?;
    // Replacing this process lets signals and the exit status pass between the agent and the
    // terminal.
    let error = command.arg("run").args(&args.arguments).exec();
    Err(error).with_context(|| format!("start {}", binary.display()))
}
