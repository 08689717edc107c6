//! A program of the Rust registry in `target/tools`, in the version that is named here.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A program by its package, which has its name.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

impl Tool {
    /// Returns its path, after building it where it is not there.
    pub(super) fn ensure(&self) -> Result<PathBuf> {
        let home = workspace::tools().join(format!("{}-{}", self.name, self.version));
        let program = home.join("bin").join(self.name);
        if !program.is_file() {
            eprintln!(
                "supply: building {} {} in {} (some minutes, once)",
                self.name,
                self.version,
                home.display()
            );
            let mut command = Command::new("cargo");
            command
                .args(["install", self.name, "--version", self.version, "--locked", "--root"])
                .arg(&home)
                .arg("--target-dir")
                .arg(workspace::tools().join("supply-build"))
                .current_dir(workspace::root());
            process::run(&mut command)?;
        }
        if !program.is_file() {
            bail!("{} was built but is not there: remove {}", self.name, home.display());
        }
        Ok(program)
    }
}
