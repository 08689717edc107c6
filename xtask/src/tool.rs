//! A program of the Rust registry in `target/tools`, in the version that is named here.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A program by its package, which has its name.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Features instead of the default ones; none for these.
    pub(crate) features: Option<&'static str>,
}

impl Tool {
    /// Returns its path, after building it where it is not there.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let home = workspace::tools().join(format!("{}-{}", self.name, self.version));
        let program = home.join("bin").join(self.name);
        if !program.is_file() {
            eprintln!(
                "building {} {} in {} (some minutes, once)",
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
            if let Some(features) = self.features {
                command.args(["--no-default-features", "--features", features]);
            }
            process::run(&mut command)?;
        }
        if !program.is_file() {
            bail!("{} was built but is not there: remove {}", self.name, home.display());
        }
        Ok(program)
    }
}
