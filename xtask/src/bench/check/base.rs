//! The commit to compare with, and its files on the disk for as long as they are needed.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{cargo, process, workspace};

/// Where the main line is, as a clone names it.
const MAIN: &str = "origin/main";
/// The file without which a commit has nothing to count.
const COUNTED: &str = "xtask/cost/src/bin/counted.rs";

/// What the versions of the base's crates end with.
const MARK: &str = "+base";

/// A commit.
pub(super) struct Base {
    /// Its whole name.
    pub(super) commit: String,
    subject: String,
}

impl Base {
    /// The pieces of work that commits since it accept to cost more, by a line `Accepts-cost:
    /// PIECE` in their messages.
    pub(super) fn accepted(&self) -> Result<Vec<String>> {
        let messages = git(&["log", "--format=%B", &format!("{}..HEAD", self.commit)])?;
        let accepted = messages.lines().filter_map(|line| line.strip_prefix("Accepts-cost:"));
        Ok(accepted.map(|piece| piece.trim().to_owned()).collect())
    }

    /// One for a test.
    #[cfg(test)]
    pub(super) fn named(subject: &str) -> Self {
        Self { commit: "0123456789abcdef".to_owned(), subject: subject.to_owned() }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.commit.get(..10).unwrap_or(&self.commit), self.subject)
    }
}

/// The base that was asked for, or else where HEAD left [`MAIN`], or else the commit before HEAD.
/// Where there is none, the inner error says why; one that was asked for must be there.
pub(super) fn find(asked: Option<&str>) -> Result<Result<Base, String>> {
    if let Some(asked) = asked {
        let Ok(commit) = commit(asked) else {
            bail!(
                "there is no commit {asked:?} here to compare with; name one that `git log` \
                shows{}",
                shallow_advice()
            );
        };
        return with_work(&commit);
    }
    if let Err(why) = repository() {
        return Ok(Err(why));
    }
    let head = commit("HEAD").context("HEAD is no commit yet")?;
    let left = git(&["merge-base", "HEAD", MAIN]).ok().filter(|left| *left != head);
    match left.or_else(|| commit("HEAD^1").ok()) {
        Some(base) => with_work(&base),
        None => Ok(Err(format!("HEAD is the only commit here{}", shallow_advice()))),
    }
}

/// Whether this tree is a repository of its own, and not unpacked into another.
fn repository() -> Result<(), String> {
    if !process::on_path("git") {
        return Err("there is no git here to find the commit before this one".to_owned());
    }
    let top = git(&["rev-parse", "--show-toplevel"])
        .map_err(|error| format!("git tells no commit here: {error:#}"))?;
    let same = PathBuf::from(&top).canonicalize().ok() == workspace::root().canonicalize().ok();
    if same {
        Ok(())
    } else {
        Err(format!(
            "these files are in no git repository of their own (the one around them is {top})"
        ))
    }
}

/// The commit with its subject, where it has something to count.
fn with_work(commit: &str) -> Result<Result<Base, String>> {
    let base =
        Base { commit: commit.to_owned(), subject: git(&["log", "-1", "--format=%s", commit])? };
    if git(&["cat-file", "-e", &format!("{commit}:{COUNTED}")]).is_err() {
        return Ok(Err(format!("{base} has no counted work yet ({COUNTED} is not in it)")));
    }
    Ok(Ok(base))
}

fn commit(name: &str) -> Result<String> {
    ensure!(!name.starts_with('-'), "{name} is an option, not a commit");
    git(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

fn shallow_advice() -> &'static str {
    let shallow =
        git(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|answer| answer == "true");
    if shallow {
        "; this clone is a shallow one: `git fetch --unshallow` brings the rest"
    } else {
        ""
    }
}

/// What git answers about the workspace.
fn git(arguments: &[&str]) -> Result<String> {
    let answer =
        process::output(Command::new("git").args(arguments).current_dir(workspace::root()))?;
    Ok(answer.trim().to_owned())
}

/// The files of a commit, removed when this goes.
pub(super) struct Tree {
    /// Where they are.
    pub(super) path: PathBuf,
}

impl Tree {
    /// Unpacks them. Nothing is written into the repository, so that nothing is left there by a run
    /// that is killed.
    pub(super) fn unpack(base: &Base, path: PathBuf) -> Result<Self> {
        if path.exists() {
            std::fs::remove_dir_all(&path)
                .with_context(|| format!("remove {}, which an earlier run left", path.display()))?;
        }
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        let tree = Self { path };
        let mut archive = Command::new("git");
        archive.args(["archive", "--format=tar", &base.commit]).current_dir(workspace::root());
        let mut archive = archive.stdout(Stdio::piped()).spawn().context("run git archive")?;
        let tar = archive.stdout.take().context("git archive has no output")?;
        // Files as new as they are to cargo, or it takes them for those of the last base.
        let unpacked = Command::new("tar")
            .args(["--extract", "--touch"])
            .current_dir(&tree.path)
            .stdin(tar)
            .status();
        let packed = archive.wait().context("wait for git archive")?;
        let unpacked = unpacked.context("run tar")?;
        if !packed.success() || !unpacked.success() {
            bail!(
                "git archive {} into {} failed: {packed}, tar: {unpacked}",
                base.commit,
                tree.path.display()
            );
        }
        Ok(tree)
    }

    /// Marks the version of every crate in it; whether that could be done.
    pub(super) fn mark(&self) -> Result<bool> {
        let manifest = self.path.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("read {}", manifest.display()))?;
        let Some(marked) = marked(&text) else { return Ok(false) };
        std::fs::write(&manifest, marked)
            .with_context(|| format!("write {}", manifest.display()))?;
        let mut metadata = cargo::cargo("metadata")?;
        let metadata = process::output(
            metadata.args(["--no-deps", "--format-version", "1"]).current_dir(&self.path),
        )?;
        let metadata: Value =
            serde_json::from_str(&metadata).context("read the answer of cargo metadata")?;
        let crates = metadata["packages"].as_array().context("cargo metadata names no crates")?;
        Ok(crates
            .iter()
            .all(|one| one["version"].as_str().is_some_and(|version| version.ends_with(MARK))))
    }
}

/// A manifest in which the version that the crates of the workspace share has the mark.
fn marked(manifest: &str) -> Option<String> {
    let (before, package) = manifest.split_once("\n[workspace.package]\n")?;
    let (own, _) = package.split_once("\n[")?;
    let version = own.lines().find(|line| {
        line.starts_with("version = \"") && line.ends_with('"') && !line.contains('+')
    })?;
    let marked =
        package.replacen(version, &format!("{}{MARK}\"", version.trim_end_matches('"')), 1);
    Some(format!("{before}\n[workspace.package]\n{marked}"))
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("cost: cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_all_crates_share_is_marked_and_nothing_else() {
        let package = "[workspace.package]\nedition = \"2024\"\nversion = \"0.1.0\"";
        let manifest = &format!(
            "[workspace]\nmembers = []\n\n{package}\n\n[workspace.dependencies]\nversion = \
            \"0.1.0\"\n"
        );
        assert_eq!(marked(manifest).unwrap(), manifest.replacen("0.1.0", "0.1.0+base", 1));
        for other in [
            "",
            "[workspace.package]\n",
            "[a]\n[workspace.package]\nedition = \"2024\"\n[b]\nversion = \"0.1.0\"\n",
        ] {
            assert_eq!(marked(other), None, "{other}");
        }
    }

    #[test]
    fn a_base_that_is_no_commit_is_named() {
        for wrong in ["no-such-commit", "--all", ""] {
            let error = format!("{:#}", find(Some(wrong)).err().unwrap());
            assert!(error.contains(&format!("there is no commit {wrong:?} here")), "{error}");
        }
    }
}
