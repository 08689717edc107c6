//! `cargo xtask check`: what to run after every edit, in under two minutes on two cores when the
//! dependencies are built.
//!
//! It needs no root and opens no kernel. Modules of property tests draw fewer cases than in the
//! suite, and the integration tests are left to it, but for the rules of the tree and the generated
//! files.
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

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
    tests.arg("--quiet").args(cargo::USER_SIDE).args(["--lib", "--bins"]);
    tests.args(FILE_TESTS.iter().flat_map(|name| ["--test", name]));
    tests.env("PROPTEST_CASES", CASES);
    let mut tidy = cargo::cargo("run")?;
    tidy.args(["--quiet", "--package", "tidy"]);
    run([
        ("format", format),
        ("tidy", tidy),
        ("clippy", prepared(cargo::clippy()?)),
        ("rustdoc", prepared(cargo::rustdoc()?)),
        ("unit", prepared(tests)),
    ])
}

/// Runs all steps, also after one has failed: an edit may have broken several.
fn run<const N: usize>(steps: [(&str, Command); N]) -> Result<()> {
    let mut failed = Vec::new();
    let mut lines = Vec::new();
    for (name, mut command) in steps {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let result = process::run(&mut command);
        let end = if result.is_ok() { "ok" } else { "FAILED" };
        lines.push(format!("{name}: {end} ({} s)", started.elapsed().as_secs()));
        failed.extend(result.is_err().then_some(name));
    }
    println!("\n== check\n{}", lines.join("\n"));
    if !failed.is_empty() {
        bail!("the check failed in: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn every_step_runs_and_the_error_names_those_that_failed() {
        let file = std::env::temp_dir().join(format!("check-{}", std::process::id()));
        let last = shell(&format!("touch {}", file.display()));
        let steps = [("one", shell("exit 1")), ("two", shell("exit 3")), ("three", last)];
        assert_eq!(run(steps).unwrap_err().to_string(), "the check failed in: one, two");
        std::fs::remove_file(&file).unwrap();
        assert!(run([("one", shell("true"))]).is_ok());
    }
}
