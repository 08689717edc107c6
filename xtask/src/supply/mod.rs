//! `cargo xtask test --full supply`: what the program is made of.
//!
//! The dependencies keep the policy of `deny.toml`, a bill of materials names each of them, and the
//! same source gives the same bytes.

mod besides;
mod twice;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::packages::Consent;
use crate::tool::Tool;
use crate::{cargo, commit, process, setup, workspace};

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", features: None };
const CYCLONEDX: Tool = Tool { name: "cargo-cyclonedx", version: "0.5.9", features: None };

/// What the bill of materials is for.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Where it is kept.
const BILL: &str = "target/supply/tcpwarden.cdx.json";

/// Holds all of it; the first thing that is wrong is the error.
pub(crate) fn main(consent: Consent) -> Result<ExitCode> {
    let toolchain = setup::for_build(consent)?;
    policy()?;
    let tree = workspace::root().join("target/supply/tree");
    twice::copy(&tree)?;
    let components = bill_of_materials(&tree, commit::time()?)?;
    println!("supply: {BILL} names {components} components");
    for file in twice::build(&tree, &toolchain)? {
        println!("supply: built twice, the same bytes: {file}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what the agent is made of into a file, as of the last commit; `time` is its time.
pub(crate) fn bill(to: &Path, time: u64) -> Result<()> {
    let tree = workspace::root().join("target/supply/tree");
    twice::copy(&tree)?;
    bill_of_materials(&tree, time)?;
    std::fs::copy(workspace::root().join(BILL), to)
        .with_context(|| format!("copy the bill of materials to {}", to.display()))?;
    Ok(())
}

/// Holds the dependencies against `deny.toml`. Advisories are looked at where their database is:
/// nothing is downloaded for them.
fn policy() -> Result<()> {
    let program = DENY.ensure()?;
    let check = |options: &[&str], what: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--workspace", "--locked"]).args(options).arg("check").args(what);
        process::run(command.env("PATH", workspace::path()?).current_dir(workspace::root()))
    };
    check(&[], &["bans", "licenses", "sources"]).context("the policy of deny.toml is broken")?;
    let database = cargo_home()?.join("advisory-dbs");
    if database.is_dir() {
        return check(&["--offline"], &["advisories"]).context("there are advisories");
    }
    println!("supply: advisories were not looked at: there is no {}", database.display());
    Ok(())
}

/// Returns the folder of cargo's own files.
fn cargo_home() -> Result<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = || Some(Path::new(&std::env::var_os("HOME")?).join(".cargo"));
    named.or_else(usual).context("neither CARGO_HOME nor HOME is set")
}

/// Writes what the agent is made of, in CycloneDX. Returns how many components it names: those that
/// cargo builds into the agent, each in its version.
fn bill_of_materials(tree: &Path, time: u64) -> Result<usize> {
    let program = CYCLONEDX.ensure()?;
    let mut command = Command::new(program);
    command
        .args(["cyclonedx", "--format", "json", "--target", TARGET, "--no-build-deps"])
        .arg("--manifest-path")
        .arg(tree.join("agent/Cargo.toml"));
    // With it, the bill has no number and no time of its own.
    command.env("SOURCE_DATE_EPOCH", time.to_string());
    process::run(command.current_dir(tree))?;
    let written = tree.join("agent/tcpwarden.cdx.json");
    let text =
        std::fs::read_to_string(&written).with_context(|| format!("read {}", written.display()))?;
    let mut bill: Value = serde_json::from_str(&text).context("read the bill of materials")?;
    besides::add(&mut bill, tree)?;
    let named = components(&bill);
    for built in built_in(tree)? {
        ensure!(named.contains(&built), "the bill of materials does not name {built}");
    }
    std::fs::write(workspace::root().join(BILL), format!("{bill:#}\n"))
        .context("keep the bill of materials")?;
    Ok(named.len())
}

/// Returns name and version of each component.
fn components(bill: &Value) -> Vec<String> {
    let all = bill["components"].as_array().into_iter().flatten();
    all.filter_map(|one| Some(format!("{} v{}", one["name"].as_str()?, one["version"].as_str()?)))
        .collect()
}

/// Returns name and version of the libraries that cargo builds into the agent.
fn built_in(tree: &Path) -> Result<Vec<String>> {
    let mut command = cargo::cargo("tree")?;
    command
        .args(["--locked", "--package", "tcpwarden", "--edges", "normal", "--prefix", "none"])
        .args(["--target", TARGET])
        .current_dir(tree);
    let mut names = names(&process::output(&mut command)?);
    names.retain(|name| !name.starts_with("tcpwarden "));
    ensure!(names.len() > 50, "cargo tree names {} libraries only", names.len());
    Ok(names)
}

/// Returns name and version of the packages in the lines of `cargo tree`, each once.
fn names(lines: &str) -> Vec<String> {
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    let mut names: Vec<String> = lines.lines().filter_map(package).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_named_once_with_its_version() {
        let lines = "b v1.0\na v2.0 (proc-macro)\nb v1.0 (*)\nb v2.0\n\n";
        assert_eq!(names(lines), ["a v2.0", "b v1.0", "b v2.0"]);
        let bill = r#"{"components": [{"name": "a", "version": "2.0"}, {"name": "b"}]}"#;
        assert_eq!(components(&serde_json::from_str(bill).unwrap()), ["a v2.0"]);
    }
}
