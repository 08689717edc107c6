//! What is made from the agent's metric catalogue: dashboards, alert and recording rules, runbooks
//! and the metric reference.
//!
//! Every name of a metric or label comes from `catalogue::metrics`, every threshold from the rule
//! of its alert ([`alerts`]) or [`threshold`], so that a picture, its alert and its runbook say the
//! same number. An alert is a folder, `dashboards/alerts/NAME`, of `rule.rs`, `runbook.md` and
//! `tests.yml`; the rule names the board and the panel that show it. `cargo xtask dashboards` lists
//! the folders and writes the files, a test compares them with the committed ones.
#![forbid(unsafe_code)]

use std::path::Path;

pub mod alert;
pub mod alerts;
pub mod boards;
pub mod docs;
pub mod formats;
pub mod grafana;
pub mod inventory;
mod limit;
pub mod markdown;
mod matchers;
pub mod options;
mod regex;
pub mod rules;
pub mod runbooks;
mod settings;
mod site;
pub mod threshold;
pub mod timing;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where, relative to the project's root.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Every file that is generated, for production.
#[must_use]
pub fn files() -> Vec<File> {
    [boards::files(), rules::files(&timing::PRODUCTION), runbooks::files(), docs::files()].concat()
}

/// The folders in which every file is generated, each with the ending of those that are.
const GENERATED: [(&str, &str); 2] = [("dashboards/grafana", "json"), ("docs/runbooks", "md")];

/// Files below `root` that are not what [`files`] says: missing ones, different ones, and ones that
/// nothing writes.
#[must_use]
pub fn differences(root: &Path) -> Vec<String> {
    let files = files();
    let differs = |file: &&File| {
        std::fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    let mut found: Vec<String> =
        files.iter().filter(differs).map(|file| file.path.clone()).collect();
    for (folder, ending) in GENERATED {
        let entries =
            std::fs::read_dir(root.join(folder)).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let paths = names
            .filter(|name| name.ends_with(&format!(".{ending}")))
            .map(|name| format!("{folder}/{name}"));
        found.extend(
            paths
                .filter(|path| files.iter().all(|file| file.path != *path))
                .map(|path| format!("{path} (nothing writes it)")),
        );
    }
    found
}
