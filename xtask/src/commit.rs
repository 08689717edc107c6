//! The commit that is built: its name for `--version`, and its time for what is packed.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// Returns the name of the last commit, with `-dirty` behind it if files differ from it; nothing
/// where the source is in no repository.
pub(crate) fn name() -> Option<String> {
    // A source without a repository may lie in that of something else.
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"]).ok()?);
    if top.canonicalize().ok()? != workspace::root().canonicalize().ok()? {
        return None;
    }
    let name = git(&["rev-parse", "--short=12", "HEAD"]).ok()?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]).ok()?;
    Some(if changes.is_empty() { name } else { format!("{name}-dirty") })
}

/// Returns the time of the last commit in seconds of Unix time, or `SOURCE_DATE_EPOCH`.
pub(crate) fn time() -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(given) => given,
        Err(_) => git(&["log", "-1", "--format=%ct"])
            .context("tell the time of the commit; SOURCE_DATE_EPOCH sets one")?,
    };
    text.parse().with_context(|| format!("read {text:?} as seconds of Unix time"))
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    let said = process::output(command.args(arguments).current_dir(workspace::root()))?;
    Ok(said.trim().to_owned())
}
