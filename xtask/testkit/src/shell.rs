//! Tools of the system, run to their end.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// Runs a command line of plain words.
///
/// # Errors
/// If it fails; the message has the command line and what it printed on standard error.
pub fn run(line: &str) -> Result<()> {
    let mut words = line.split_whitespace();
    let Some(program) = words.next() else { bail!("no program is named") };
    let output = tool(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// A command that is also looked for in the directories of system programs, which a user's PATH
/// often lacks.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    if let Ok(path) = std::env::join_paths(std::env::split_paths(&path).chain(system)) {
        command.env("PATH", path);
    }
    command
}
