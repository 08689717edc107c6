//! `cargo xtask test --full chart`: the Helm chart and the manifests that are rendered from it.
//!
//! `deploy/helm/check.py` does the work; this installs what it needs. No cluster, no container
//! runtime and no Helm is used.
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::packages::Consent;
use crate::{process, python, workspace};

const REQUIREMENTS: &str = include_str!("../../deploy/helm/requirements.txt");

/// Renders, validates and compares; the first thing that is wrong is the error.
pub(crate) fn main(consent: Consent) -> Result<ExitCode> {
    let programs =
        python::environment("chart-python", REQUIREMENTS, "to render the chart", consent)?;
    let mut command = Command::new(programs.join("python"));
    command.arg("deploy/helm/check.py").current_dir(workspace::root());
    process::run(&mut command)?;
    println!("\n== chart: ok");
    Ok(ExitCode::SUCCESS)
}
