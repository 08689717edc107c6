//! `cargo xtask test --full machines`: the agent on fresh Debian machines with systemd, under QEMU.
//!
//! `image` makes a machine once and keeps it in `target/machines`; `boot` starts a copy that is
//! thrown away, with the programs of this build on a second disk. What is played in the machine are
//! shell scripts beside this file; `plays` lists them.

mod boot;
mod image;
mod plays;
#[cfg(test)]
mod scripts;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::plays::{Machine, Needs, PLAYS, Play};
use crate::arch::Arch;
use crate::kernels::Report;
use crate::packages::Consent;
use crate::results::Counts;
use crate::toolchain::Toolchain;
use crate::{build, dist, root_tests, setup};

/// A file of this build, and its name in the machine.
type Built = (PathBuf, &'static str);

/// Boots each machine for each play whose name contains `filter`.
pub(crate) fn main(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    let toolchain = setup::for_build(consent)?;
    setup::for_machines(consent)?;
    let plays = PLAYS.iter().filter(|play| filter.is_none_or(|part| play.name.contains(part)));
    let (mut sum, mut failed) = (Counts::default(), Vec::new());
    for play in plays {
        for machine in play.machines {
            let title = format!("{}: {}", machine.name, play.name);
            eprintln!("machines: {title}");
            let played = built(play.needs, machine.arch, &toolchain, consent)
                .and_then(|built| one(machine, play, &built, consent));
            match played {
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

/// Builds what a play needs on this processor.
fn built(needs: Needs, arch: Arch, toolchain: &Toolchain, consent: Consent) -> Result<Vec<Built>> {
    match needs {
        Needs::Packages => dist::for_machines(arch, toolchain, consent),
        Needs::Programs | Needs::Image if arch != Arch::own()? => {
            bail!("this play is for machines of this machine's processor")
        }
        Needs::Image => {
            let agent = build::agent(toolchain, build::Profile::Release)?;
            let image = dist::image_for_machines(&agent)?;
            Ok(vec![(agent.binary, "tcpwarden"), (image, "image.tar")])
        }
        Needs::Programs => {
            let agent = build::agent(toolchain, build::Profile::Release)?;
            let tests = root_tests::LIVE.binary(&agent)?;
            Ok(vec![(agent.binary, "tcpwarden"), (tests, "live")])
        }
    }
}

/// Plays in one machine, and prints its line.
fn one(machine: &Machine, play: &Play, built: &[Built], consent: Consent) -> Result<Counts> {
    let image = image::of(machine, consent)?;
    let mut files = play.files();
    files.extend(built.iter().cloned());
    let report = boot::run(machine.arch, &image, &files)?;
    let Report { release, verdict, counts, results, console } = report;
    let passed = verdict == Some(0) && counts.failed == 0 && counts.passed > 0;
    if !passed {
        println!("{console}{results}");
        bail!("verdict {verdict:?}, {counts}");
    }
    println!("machines: {} ({release}): {}: {counts}", machine.name, play.name);
    for line in results.lines().filter(|line| line.starts_with("measured")) {
        println!("machines: {}: {line}", machine.name);
    }
    Ok(counts)
}
