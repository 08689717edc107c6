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
    let packages = packages(REQUIREMENTS);
    let programs = python::environment("chart-python", &packages, "to render the chart", consent)?;
    let mut command = Command::new(programs.join("python"));
    command.arg("deploy/helm/check.py").current_dir(workspace::root());
    process::run(&mut command)?;
    println!("\n== chart: ok");
    Ok(ExitCode::SUCCESS)
}

/// Returns the packages that a file for pip names.
fn packages(requirements: &str) -> Vec<&str> {
    let lines = requirements.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_named_with_its_version() {
        assert_eq!(packages("# why\n\na==1\nb==2.0\n"), ["a==1", "b==2.0"]);
        let all = packages(REQUIREMENTS);
        assert!(!all.is_empty());
        for package in all {
            let (name, version) = package.split_once("==").unwrap();
            assert!(!name.is_empty() && version.starts_with(|it: char| it.is_ascii_digit()));
        }
    }
}
