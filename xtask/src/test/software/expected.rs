//! The kinds and what each expects, as the `expected.toml` of its folder says.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// A kind of leak, hang, or healthy look-alike.
#[derive(Debug)]
pub(super) struct Kind {
    /// The name of its folder.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What the agent must answer.
    pub(super) expected: Expected,
}

/// The content of an `expected.toml`. All that it does not name must not be accused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// What happens, in one line.
    pub(super) about: String,
    /// The address of the public report.
    pub(super) report: String,
    /// The Debian packages that `run.sh` needs.
    pub(super) packages: Vec<String>,
    /// Who must be accused; nobody in a healthy look-alike.
    #[serde(default)]
    pub(super) accused: Vec<Finding>,
    /// What must be among the notes.
    #[serde(default)]
    pub(super) note: Vec<Finding>,
    /// Why the agent is known to miss this, if it does.
    pub(super) known_miss: Option<String>,
}

/// One suspect, or one note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    /// The name of the process.
    pub(super) process: String,
    /// Its role.
    pub(super) role: String,
    /// The service port.
    pub(super) port: u16,
    /// The kinds of `leaks` that are right; one of them must be answered.
    pub(super) kinds: Vec<String>,
    /// The least and the most connections that are right.
    pub(super) connections: [u64; 2],
    /// The kinds that are true beside it, and need not be answered.
    #[serde(default)]
    pub(super) also: Vec<String>,
}

/// Reads all kinds of a folder, in the order of their names.
pub(super) fn all(folder: &Path) -> Result<Vec<Kind>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut kinds = Vec::new();
    for entry in entries {
        let folder = entry.context("read the kinds")?.path();
        let file = folder.join("expected.toml");
        if !file.exists() {
            continue;
        }
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let expected =
            toml::from_str(&text).with_context(|| format!("understand {}", file.display()))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        kinds.push(Kind { name, folder, expected });
    }
    kinds.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn kinds() -> Vec<Kind> {
        all(&super::super::folder()).unwrap()
    }

    fn document(path: &str) -> String {
        fs::read_to_string(workspace::root().join(path)).unwrap()
    }

    #[test]
    fn a_kind_expects_what_the_api_knows_and_has_a_port_of_its_own() {
        let api = document("docs/api.md");
        let mut ports = Vec::new();
        for kind in kinds() {
            assert!(kind.folder.join("run.sh").exists(), "{}: no run.sh", kind.name);
            let Expected { accused, note, report, packages, .. } = kind.expected;
            assert!(report.starts_with("https://") && !packages.is_empty(), "{}", kind.name);
            for finding in accused.iter().chain(&note) {
                for word in finding.kinds.iter().chain(&finding.also) {
                    assert!(api.contains(&format!("| `{word}` |")), "{}: {word}", kind.name);
                }
                let [least, most] = finding.connections;
                assert!(least > 0 && least <= most && !finding.kinds.is_empty(), "{}", kind.name);
                assert!(["client", "server"].contains(&finding.role.as_str()), "{}", kind.name);
            }
            let mut own: Vec<u16> = accused.iter().chain(&note).map(|one| one.port).collect();
            own.dedup();
            ports.extend(own);
        }
        let all = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), all, "groups of two kinds would be one: {ports:?}");
    }

    #[test]
    fn the_page_about_a_run_has_a_row_for_each_kind_and_each_known_miss() {
        let page = document("docs/software.md");
        for Kind { name, expected, .. } in kinds() {
            let start = format!("| `{name}` |");
            let row = page.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
            assert!(row.contains(&format!("({})", expected.report)), "{name}: {row:?}");
            let known = expected.known_miss.unwrap_or_default();
            assert!(row.ends_with(&format!("| {known} |")), "{name}: {row:?}");
        }
    }

    #[test]
    fn guilty_and_innocent_are_both_there() {
        let kinds = kinds();
        let innocent = kinds.iter().filter(|kind| kind.expected.accused.is_empty()).count();
        assert!(innocent >= 4 && kinds.len() - innocent >= 4, "{innocent} of {}", kinds.len());
    }
}
