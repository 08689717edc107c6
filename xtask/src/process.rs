//! Running other programs: each failure names the command line, and privileges are asked for with a
//! reason.
use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs `command` with the terminal as its own; an exit status other than zero is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("run {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// What `command` printed; an exit status other than zero is an error that carries what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("run {}", shown(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed: {}: {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    file_of(program).is_some()
}

/// The file of a program.
pub(crate) fn file_of(program: &str) -> Option<std::path::PathBuf> {
    let path = crate::workspace::path().ok()?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Whether this process has root's rights.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

/// `program`, through sudo when this process is not root; says why.
pub(crate) fn privileged(program: impl AsRef<OsStr>, why: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if !on_path("sudo") {
        bail!("root is needed {why}, and there is no sudo here: run the same command as root");
    }
    eprintln!("sudo: root is needed {why}");
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}

/// Whether there is a person who can answer a question.
pub(crate) fn is_interactive() -> bool {
    std::env::var_os("CI").is_none()
        && std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal()
}

/// The command line, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
