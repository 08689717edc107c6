//! `cargo xtask build`: the agent with its kernel side inside.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::arch::{self, Arch};
use crate::setup::{self, ConsentArgs};
use crate::toolchain::Toolchain;
use crate::{cargo, commit, packages, workspace};

/// Build the agent into target/release/tcpwarden, as one static file.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build without optimisation, into target/debug.
    #[arg(long)]
    debug: bool,
    /// With development logs of the kernel side, shown by `tcpwarden run --log debug`.
    #[arg(long)]
    bpf_log: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// How the user side is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What is shipped, tested and measured: a static program.
    Release,
    /// Quick to compile.
    Debug,
}

/// The products of a build.
pub(crate) struct Agent {
    /// The program.
    pub(crate) binary: PathBuf,
    /// The kernel side inside it. Other builds of the user side share it through
    /// `TCPWARDEN_BPF_OBJECT`.
    pub(crate) object: PathBuf,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let toolchain = setup::for_build(args.consent.consent())?;
    let features: &[&str] = if args.bpf_log { &["--features", "bpf-log"] } else { &[] };
    let built = agent_with(
        &toolchain,
        if args.debug { Profile::Debug } else { Profile::Release },
        features,
    )?;
    println!("build: {}", built.binary.display());
    Ok(())
}

/// Builds the agent; `agent/build.rs` compiles the kernel side with `toolchain`.
pub(crate) fn agent(toolchain: &Toolchain, profile: Profile) -> Result<Agent> {
    agent_with(toolchain, profile, &[])
}

fn agent_with(toolchain: &Toolchain, profile: Profile, features: &[&str]) -> Result<Agent> {
    eprintln!("build: the agent and its kernel side (the first time takes a few minutes)");
    let mut command = cargo::cargo("build")?;
    command
        .args(["--package", "tcpwarden"])
        .args(features)
        .env("TCPWARDEN_BPF_TOOLCHAIN", &toolchain.name)
        .env_remove("TCPWARDEN_BPF_OBJECT");
    if profile == Profile::Release {
        released(&mut command, Arch::own()?);
    }
    let artifacts = cargo::build(&mut command).context("build the agent")?;
    let built = Agent {
        binary: artifacts.executable("tcpwarden")?,
        object: artifacts.out_dir("tcpwarden")?.join("tcpwarden-probes"),
    };
    if profile == Profile::Release {
        // Where people look for it.
        let folder = workspace::root().join("target/release");
        std::fs::create_dir_all(&folder).context("create target/release")?;
        packages::relink(&built.binary, &folder.join("tcpwarden"))?;
    }
    Ok(built)
}

/// Makes a build of cargo one of what is shipped for a processor.
pub(crate) fn released(command: &mut Command, arch: Arch) {
    arch::statically(command.arg("--release"), arch);
    if let Some(commit) = commit::name() {
        command.env("TCPWARDEN_COMMIT", commit);
    }
}
