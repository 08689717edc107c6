//! Cargo in the workspace: with the private tools on PATH, and its messages read where a path is
//! needed.
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace;

/// Selects the user side. Everything is built for all of it, also what one test needs: for a single
/// package cargo would build what that depends on once more, with fewer features.
pub(crate) const USER_SIDE: [&str; 3] = ["--workspace", "--exclude", "agent-ebpf"];

/// The products of a build, as cargo reports them.
pub(crate) struct Artifacts(Vec<Value>);

/// Returns `cargo VERB` in the workspace, with the private tools on PATH.
pub(crate) fn cargo(verb: &str) -> Result<Command> {
    let mut command = Command::new("cargo");
    command.arg(verb).env("PATH", workspace::path()?).current_dir(workspace::root());
    Ok(command)
}

/// Returns clippy for the user side, with warnings as errors.
pub(crate) fn clippy() -> Result<Command> {
    let mut command = cargo("clippy")?;
    command.args(USER_SIDE).args(["--all-targets", "--", "--deny", "warnings"]);
    Ok(command)
}

/// Returns rustdoc for the user side, private items included, with broken links as errors. Public
/// items may link to private ones: the documentation is read in this tree.
pub(crate) fn rustdoc() -> Result<Command> {
    let mut command = cargo("doc")?;
    command.args(USER_SIDE).args(["--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    Ok(command)
}

/// Runs a cargo command that builds. Errors and warnings go to the terminal as always. Returns the
/// products.
pub(crate) fn build(command: &mut Command) -> Result<Artifacts> {
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output =
        command.spawn().and_then(std::process::Child::wait_with_output).context("run cargo")?;
    if !output.status.success() {
        bail!("cargo failed: {}", output.status);
    }
    Ok(Artifacts::read(&String::from_utf8_lossy(&output.stdout)))
}

/// Returns the names of all integration tests of the workspace.
pub(crate) fn integration_tests() -> Result<Vec<String>> {
    let text =
        crate::process::output(cargo("metadata")?.args(["--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&text).context("read the answer of cargo metadata")?;
    let targets = members(&metadata, "packages").flat_map(|package| members(package, "targets"));
    let tests = targets.filter(|target| members(target, "kind").any(|kind| kind == "test"));
    Ok(tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}

impl Artifacts {
    fn read(text: &str) -> Self {
        Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Returns the program that was built from the binary or test called `target`.
    pub(crate) fn executable(&self, target: &str) -> Result<PathBuf> {
        let found = self
            .0
            .iter()
            .filter(|message| message["target"]["name"] == target)
            .find_map(|message| message["executable"].as_str());
        found.map(PathBuf::from).with_context(|| format!("cargo reported no program {target}"))
    }

    /// Returns the program that was built from the integration test called `target`, which may
    /// share its name with a binary.
    pub(crate) fn test(&self, target: &str) -> Result<PathBuf> {
        let mut found = self.0.iter().filter(|message| {
            message["target"]["name"] == target
                && members(&message["target"], "kind").any(|kind| kind == "test")
        });
        let found = found.find_map(|message| message["executable"].as_str());
        found.map(PathBuf::from).with_context(|| format!("cargo reported no test {target}"))
    }

    /// Returns the directory that the build script of `package` wrote to.
    pub(crate) fn out_dir(&self, package: &str) -> Result<PathBuf> {
        let suffix = format!("#{package}@");
        let mut executed =
            self.0.iter().filter(|message| message["reason"] == "build-script-executed");
        let found = executed
            .find(|message| message["package_id"].as_str().is_some_and(|id| id.contains(&suffix)));
        found
            .and_then(|message| message["out_dir"].as_str())
            .map(PathBuf::from)
            .with_context(|| format!("{package} reported no OUT_DIR"))
    }
}

/// Returns the members of a list; none if the value is not a list.
fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_the_messages_of_a_build() {
        let artifacts = Artifacts::read(concat!(
            r#"{"reason":"build-script-executed","package_id":"path+file:///w#tcpwarden@0.1.0","#,
            r#""out_dir":"/o"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"tcpwarden"},"executable":null}"#,
            "\n",
            r#"{"target":{"name":"tcpwarden"},"executable":"/t/tcpwarden"}"#,
            "\n",
            r#"{"target":{"name":"lab","kind":["bin"]},"executable":"/t/lab"}"#,
            "\n",
            r#"{"target":{"name":"lab","kind":["test"]},"executable":"/t/lab-test"}"#,
            "\nnot a message\n",
        ));
        assert_eq!(artifacts.executable("tcpwarden").unwrap(), PathBuf::from("/t/tcpwarden"));
        assert_eq!(artifacts.out_dir("tcpwarden").unwrap(), PathBuf::from("/o"));
        assert_eq!(artifacts.executable("lab").unwrap(), PathBuf::from("/t/lab"));
        assert_eq!(artifacts.test("lab").unwrap(), PathBuf::from("/t/lab-test"));
        assert!(artifacts.test("tcpwarden").is_err());
        assert!(artifacts.executable("live").is_err());
        assert!(artifacts.out_dir("warden").is_err());
    }
}
