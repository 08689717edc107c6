//! Builds what is shipped: the program for each processor, stripped, and its manual. Guests of
//! another processor get the live tests as well.
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cross::{self, Cross};
use super::item::{EXECUTED, read};
use crate::arch::{self, Arch};
use crate::build::{self, Agent, Profile};
use crate::packages::Consent;
use crate::root_tests::{self, RootTest};
use crate::toolchain::Toolchain;
use crate::{cargo, process, workspace};

/// The sections that no one reads in a program that is shipped; the build id is in another.
const LEFT_OUT: &str = "--remove-section=.comment";

/// Returns the program for a processor. The kernel side is the same bytes for all: that of `own`.
pub(super) fn program(
    arch: Arch,
    own: &Agent,
    toolchain: &Toolchain,
    consent: Consent,
) -> Result<PathBuf> {
    if arch == Arch::own()? {
        return Ok(own.binary.clone());
    }
    let cross = Cross::ensure(arch, toolchain, consent)?;
    eprintln!("dist: the agent for {} (some minutes)", arch.kernel());
    let mut command = cross.cargo("build")?;
    command.args(["--locked", "--package", "tcpwarden", "--bin", "tcpwarden"]);
    command.env("TCPWARDEN_BPF_OBJECT", &own.object);
    build::released(&mut command, arch);
    cross.complete(&mut command);
    let artifacts = cargo::build(&mut command)
        .with_context(|| format!("build the agent for {}", arch.kernel()))?;
    artifacts.executable("tcpwarden")
}

/// Returns the program and the tests on the live kernel for another processor, both static and
/// without symbols, so that a guest has room for them.
pub(crate) fn for_guests(
    arch: Arch,
    own: &Agent,
    toolchain: &Toolchain,
    consent: Consent,
) -> Result<(PathBuf, PathBuf)> {
    let scratch = scratch()?;
    let agent = program(arch, own, toolchain, consent)?;
    let tests = tests(arch, own, toolchain, consent)?;
    let pack = |program: &Path, name: &str| -> Result<PathBuf> {
        let file = scratch.join(format!("guest-{name}-{}", arch.kernel()));
        std::fs::write(&file, stripped(program, arch, &scratch)?)
            .and_then(|()| std::fs::set_permissions(&file, Permissions::from_mode(EXECUTED)))
            .with_context(|| format!("write {}", file.display()))?;
        Ok(file)
    };
    Ok((pack(&agent, "tcpwarden")?, pack(&tests, "live")?))
}

/// Returns the tests on the live kernel for another processor, static like the program.
fn tests(arch: Arch, own: &Agent, toolchain: &Toolchain, consent: Consent) -> Result<PathBuf> {
    let RootTest { package, test, .. } = root_tests::LIVE;
    let cross = Cross::ensure(arch, toolchain, consent)?;
    eprintln!("dist: the live tests for {} (some minutes)", arch.kernel());
    let mut command = cross.cargo("test")?;
    command.args(["--locked", "--package", package, "--test", test, "--no-run"]);
    command.env("TCPWARDEN_BPF_OBJECT", &own.object);
    arch::statically(&mut command, arch);
    cross.complete(&mut command);
    cargo::build(&mut command)
        .with_context(|| format!("build the tests {test} for {}", arch.kernel()))?
        .test(test)
}

/// Returns a program without its symbols; it keeps its build id.
pub(super) fn stripped(program: &Path, arch: Arch, scratch: &Path) -> Result<Vec<u8>> {
    let (_, strip) = cross::binutils(arch);
    let strip = if arch == Arch::own()? { "strip".to_owned() } else { strip };
    let file = scratch.join(format!("tcpwarden-{}", arch.kernel()));
    let mut command = Command::new(strip);
    command.args(["--strip-all", LEFT_OUT, "-o"]).arg(&file).arg(program);
    process::run(&mut command)?;
    read(&file)
}

/// Writes the man pages and completions, and returns their folder.
pub(super) fn manual(toolchain: &Toolchain, scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("manual");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the last manual")?;
    }
    let mut command = cargo::cargo("build")?;
    command.args(["--locked", "--package", "manual"]);
    // As the agent is built, so that nothing of it is built again.
    command.env("TCPWARDEN_BPF_TOOLCHAIN", &toolchain.name).env_remove("TCPWARDEN_BPF_OBJECT");
    build::released(&mut command, Arch::own()?);
    let program = cargo::build(&mut command).context("build the manual")?.executable("manual")?;
    process::run(Command::new(program).arg(&folder))?;
    Ok(folder)
}

/// Builds the agent for this machine, with its kernel side.
pub(super) fn own(toolchain: &Toolchain) -> Result<Agent> {
    build::agent(toolchain, Profile::Release)
}

/// Returns the folder of what is built on the way.
pub(super) fn scratch() -> Result<PathBuf> {
    let folder = workspace::root().join("target/dist/scratch");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}
