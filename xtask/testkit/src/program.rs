//! The running program itself, to be started again in another role.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The file of the running program: this very file, also if a build has put another in its place.
#[must_use]
pub fn this_file() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// A command that starts the running program again. `name` is what it is called in the process list
/// until it sets its own name.
#[must_use]
pub fn this_program(name: &str) -> Command {
    let mut command = Command::new(this_file());
    command.arg0(name);
    command
}
