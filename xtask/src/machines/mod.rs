//! `cargo xtask test --full machines`: the agent on fresh Debian machines with systemd, under QEMU.
//!
//! `image` makes a machine once and keeps it in `target/machines`; `boot` starts a copy that is
//! thrown away, with the programs of this build on a second disk. What is played in the machine are
//! shell scripts beside this file.

mod boot;
mod image;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::kernels::Report;
use crate::packages::Consent;
use crate::results::Counts;
use crate::toolchain::Toolchain;
use crate::{build, dist, root_tests, setup, workspace};

/// The releases of Debian that are booted, oldest first.
const SUITES: [&str; 2] = ["bookworm", "trixie"];

/// What is played in a machine: a script, with files of the workspace that it uses.
struct Play {
    name: &'static str,
    script: &'static str,
    files: &'static [&'static str],
    needs: Needs,
}

/// What of this build a play needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// The agent and the tests on the live kernel.
    Programs,
    /// The packages: `old.deb`, `new.deb` with another default, `tcpwarden.rpm`.
    Packages,
}

const PLAYS: [Play; 2] = [
    Play {
        name: "truth in the unit",
        script: "xtask/src/machines/unit.sh",
        files: &["xtask/src/machines/in-unit.sh", "deploy/systemd/tcpwarden.service"],
        needs: Needs::Programs,
    },
    Play {
        name: "packages",
        script: "xtask/src/machines/package.sh",
        files: &[],
        needs: Needs::Packages,
    },
];

/// A file of this build, and its name in the machine.
type Built = (PathBuf, &'static str);

/// Boots each machine for each play whose name contains `filter`.
pub(crate) fn main(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    let toolchain = setup::for_build(consent)?;
    setup::for_machines(consent)?;
    let plays = PLAYS.iter().filter(|play| filter.is_none_or(|part| play.name.contains(part)));
    let (mut sum, mut failed) = (Counts::default(), Vec::new());
    for play in plays {
        let built = built(play.needs, &toolchain, consent)?;
        for suite in SUITES {
            let title = format!("{suite}: {}", play.name);
            eprintln!("machines: {title}");
            match one(suite, play, &built) {
                Ok(counts) => sum += counts,
                Err(error) => {
                    println!("machines: {title}: {error:#}");
                    failed.push(title);
                }
            }
        }
    }
    if sum == Counts::default() && failed.is_empty() {
        bail!("nothing was played: no play has that in its name");
    }
    println!("\n== machines: {sum}; failed: {}", failed.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds what a play needs.
fn built(needs: Needs, toolchain: &Toolchain, consent: Consent) -> Result<Vec<Built>> {
    if needs == Needs::Packages {
        return dist::for_machines(toolchain, consent);
    }
    let agent = build::agent(toolchain, build::Profile::Release)?;
    let tests = root_tests::LIVE.binary(&agent)?;
    Ok(vec![(agent.binary, "tcpwarden"), (tests, "live")])
}

/// Plays in one machine, and prints its line.
fn one(suite: &str, play: &Play, built: &[Built]) -> Result<Counts> {
    let image = image::of(suite)?;
    let mut files: Vec<(PathBuf, &str)> = vec![(workspace::root().join(play.script), "main.sh")];
    files.extend(built.iter().cloned());
    for file in play.files {
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file);
        files.push((workspace::root().join(file), name));
    }
    let report = boot::run(&image, &files)?;
    let Report { release, verdict, counts, results, console } = report;
    let passed = verdict == Some(0) && counts.failed == 0 && counts.passed > 0;
    if !passed {
        println!("{console}{results}");
        bail!("verdict {verdict:?}, {counts}");
    }
    println!("machines: {suite} ({release}): {}: {counts}", play.name);
    Ok(counts)
}
