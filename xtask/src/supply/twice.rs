//! Builds the agent twice from one copy of the source and compares the bytes.
//!
//! The copy lies in a folder of its own, at the same place each time: the paths of the source are
//! in the program, for the lines of a panic.
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::Arch;
use crate::toolchain::Toolchain;
use crate::{build, cargo, commit, process, workspace};

/// Copies what the last commit has into an empty folder.
pub(super) fn copy(tree: &Path) -> Result<()> {
    if tree.exists() {
        std::fs::remove_dir_all(tree).with_context(|| format!("empty {}", tree.display()))?;
    }
    std::fs::create_dir_all(tree).with_context(|| format!("make {}", tree.display()))?;
    let mut archive = Command::new("git")
        .args(["archive", "HEAD"])
        .current_dir(workspace::root())
        .stdout(Stdio::piped())
        .spawn()
        .context("run git archive")?;
    let archived = archive.stdout.take().context("git archive has no output")?;
    process::run(Command::new("tar").arg("-x").arg("-C").arg(tree).stdin(archived))?;
    ensure!(archive.wait().context("wait for git archive")?.success(), "git archive failed");
    Ok(())
}

/// Returns the sums of the program and of the kernel side in it, the same from both builds.
pub(super) fn build(tree: &Path, toolchain: &Toolchain) -> Result<Vec<String>> {
    // Its name is in the program.
    let commit = commit::name();
    let first = once(tree, toolchain)?;
    let second = once(tree, toolchain)?;
    ensure!(
        commit == commit::name(),
        "files or the last commit have changed meanwhile: leave them alone while this step runs"
    );
    if first != second {
        bail!("two builds differ:\n{}\n{}", first.join("\n"), second.join("\n"));
    }
    Ok(first)
}

/// Builds in a target folder that was not there before; returns the sums.
fn once(tree: &Path, toolchain: &Toolchain) -> Result<Vec<String>> {
    let target = tree.join("target");
    if target.exists() {
        std::fs::remove_dir_all(&target).with_context(|| format!("remove {}", target.display()))?;
    }
    let mut command = cargo::cargo("build")?;
    command
        .args(["--locked", "--package", "tcpwarden"])
        .env("TCPWARDEN_BPF_TOOLCHAIN", &toolchain.name)
        .env_remove("TCPWARDEN_BPF_OBJECT")
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(tree);
    build::released(&mut command, Arch::own()?);
    let artifacts = cargo::build(&mut command).context("build the agent")?;
    let object = artifacts.out_dir("tcpwarden")?.join("tcpwarden-probes");
    [artifacts.executable("tcpwarden")?, object].iter().map(|file| sum(tree, file)).collect()
}

/// Returns the SHA-256 of a file, with its place in the tree.
fn sum(tree: &Path, file: &Path) -> Result<String> {
    let line = process::output(Command::new("sha256sum").arg(file))?;
    let sum = line.split_whitespace().next().context("sha256sum says nothing")?;
    let place = file.strip_prefix(tree).unwrap_or(file);
    Ok(format!("{sum} {}", place.display()))
}
