//! `cargo xtask check`: what to run after every edit, in under two minutes on two cores when the
//! dependencies are built.
//!
//! It needs no root and opens no kernel. Modules of property tests draw fewer cases than in the
//! suite, and the integration tests are left to it, but for the rules of the tree and the generated
//! files.
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::setup::{self, ConsentArgs};
use crate::{cargo, process};

/// Check an edit: format, lints, rules of the tree, unit tests with fewer random cases.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Cases of one property; the suite draws up to ten times as many.
const CASES: &str = "24";
/// Integration tests that check files only: the rules of the tree, and that generated files are
/// fresh.
const FILE_TESTS: [&str; 2] = ["tree", "static_proof"];

pub(crate) fn main(args: &Args) -> Result<()> {
    let object = std::env::var_os("TCPWARDEN_BPF_OBJECT");
    let toolchain = match object {
        Some(_) => None,
        None => Some(setup::for_build(args.consent.consent())?.name),
    };
    // Every command gets the same environment: another one would compile the agent anew.
    let prepared = |mut command: Command| {
        if let Some(name) = &toolchain {
            command.env("TCPWARDEN_BPF_TOOLCHAIN", name);
        }
        command
    };
    let mut format = cargo::cargo("fmt")?;
    format.args(["--all", "--check"]);
    let mut tests = cargo::cargo("test")?;
    tests.args(["--quiet", "--workspace", "--exclude", "agent-ebpf", "--lib", "--bins"]);
    tests.args(FILE_TESTS.iter().flat_map(|name| ["--test", name]));
    tests.env("PROPTEST_CASES", CASES);
    let mut tidy = cargo::cargo("run")?;
    tidy.args(["--quiet", "--package", "tidy"]);
    let started = Instant::now();
    for (name, command) in [
        ("format", format),
        ("tidy", tidy),
        ("clippy", prepared(cargo::clippy()?)),
        ("unit", prepared(tests)),
    ] {
        step(name, command)?;
    }
    println!("check: ok ({} s)", started.elapsed().as_secs());
    Ok(())
}

/// Runs one command; the first that fails ends the check.
fn step(name: &str, mut command: Command) -> Result<()> {
    eprintln!("\n== {name}");
    let started = Instant::now();
    process::run(&mut command)?;
    eprintln!("check: {name} took {} s", started.elapsed().as_secs());
    Ok(())
}
