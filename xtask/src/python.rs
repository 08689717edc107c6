//! Packages of the Python registry, in environments of their own in `target/tools`.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::{self, Consent};
use crate::{process, workspace};

/// Returns the folder of the programs of the environment `name`, after making it anew if it is not
/// made of these packages. Each is `name==version`; `why` completes "needed ...".
pub(crate) fn environment(
    name: &str,
    wanted: &[&str],
    why: &str,
    consent: Consent,
) -> Result<PathBuf> {
    let home = workspace::tools().join(name);
    let (programs, note) = (home.join("bin"), home.join("packages"));
    let text = wanted.join("\n");
    if std::fs::read_to_string(&note).is_ok_and(|made_of| made_of == text) {
        return Ok(programs);
    }
    if !process::on_path("python3") || !has_venv() {
        packages::install(&["python3", "python3-venv"], why, consent)?;
    }
    eprintln!(
        "setup: installing {} from the Python registry into {}, needed {why}",
        wanted.join(", "),
        home.display()
    );
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut command = Command::new(programs.join("pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check"]);
    process::run(command.args(["--only-binary", ":all:"]).args(wanted))?;
    // Last: what broke off before is made again.
    std::fs::write(&note, text).with_context(|| format!("write {}", note.display()))?;
    Ok(programs)
}

/// Whether Python can make an environment; Debian has that in a package of its own.
fn has_venv() -> bool {
    process::output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}
