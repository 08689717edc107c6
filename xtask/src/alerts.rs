//! The list of alerts, `dashboards/src/alerts.rs`: a module for each folder of `dashboards/alerts`.
//!
//! It is made here and not by the generator, which does not compile while the list names a folder
//! that is gone. It is committed, so that rustfmt and `tidy` follow its modules.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::workspace;

/// What is in the folder of an alert, and nothing else.
const FILES: [&str; 3] = ["rule.rs", "runbook.md", "tests.yml"];
/// Where the list is, from the root.
const LIST: &str = "dashboards/src/alerts.rs";

/// Writes the list.
///
/// # Errors
/// A folder that is no alert, as [`text`] says; a file that cannot be read or written.
pub(crate) fn write() -> Result<()> {
    let path = workspace::root().join(LIST);
    let text = text(&folders(&workspace::root().join("dashboards/alerts"))?)?;
    // Cargo would compile the generator anew for a file that is merely younger.
    if fs::read_to_string(&path).ok().as_ref() == Some(&text) {
        return Ok(());
    }
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// Compares the list with the folders.
///
/// # Errors
/// As [`write()`], and where they differ.
pub(crate) fn check() -> Result<()> {
    let path = workspace::root().join(LIST);
    let text = text(&folders(&workspace::root().join("dashboards/alerts"))?)?;
    let committed =
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if committed != text {
        bail!("{LIST} is not the list of dashboards/alerts: `cargo xtask dashboards` writes it");
    }
    Ok(())
}

/// The names of the folders, each with the names of what is in it.
type Folders = BTreeMap<String, BTreeSet<String>>;

fn folders(alerts: &Path) -> Result<Folders> {
    names(alerts)?.into_iter().map(|name| Ok((name.clone(), names(&alerts.join(name))?))).collect()
}

/// The names of what is in a folder, hidden files left out.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        names.insert(entry.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

/// The text of the list.
///
/// # Errors
/// A folder whose name is not in CamelCase, or that does not hold [`FILES`] and nothing else.
fn text(folders: &Folders) -> Result<String> {
    let mut modules = BTreeMap::new();
    for (name, files) in folders {
        let camel = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        ensure!(camel, "dashboards/alerts/{name}: the name of an alert is in CamelCase");
        for file in FILES {
            ensure!(files.contains(file), "dashboards/alerts/{name} has no {file}");
        }
        let stray = files.iter().find(|file| !FILES.contains(&file.as_str()));
        ensure!(stray.is_none(), "dashboards/alerts/{name} has {stray:?}: not a file of an alert");
        modules.insert(snake(name), name);
    }
    let mut text = HEAD.to_owned();
    for (module, name) in &modules {
        let _ = write!(text, "#[path = \"../alerts/{name}/rule.rs\"]\npub mod {module};\n");
    }
    text.push_str(
        "\n/// Every alert, by name; [`crate::rules::all`] has them in the order of the rule \
         file.\npub(crate) const FOUND: &[Alert] = &[\n",
    );
    for module in modules.keys() {
        let _ = writeln!(text, "    {module}::ALERT,");
    }
    text.push_str("];\n");
    Ok(text)
}

const HEAD: &str = "\
//! Every alert: its rule, its runbook and its unit tests are in one folder,
//! `dashboards/alerts/NAME`.
//!
//! A new alert is such a folder: `cargo xtask dashboards` lists it here. Its limits stand in its
//! rule; boards take them from there.
// Written by `cargo xtask dashboards` from the folders of dashboards/alerts; do not edit.

use crate::alert::Alert;

";

/// `TcpFinWait2Stuck` as `tcp_fin_wait2_stuck`.
fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[&str]) -> Folders {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        BTreeMap::from([(name.to_owned(), files)])
    }

    #[test]
    fn the_committed_list_is_that_of_the_folders() {
        check().unwrap();
    }

    #[test]
    fn a_folder_is_a_module_and_a_line_of_the_list() {
        let text = text(&folder("TcpFinWait2Stuck", &FILES)).unwrap();
        let module = "#[path = \"../alerts/TcpFinWait2Stuck/rule.rs\"]\npub mod \
                      tcp_fin_wait2_stuck;\n";
        assert!(text.contains(module), "{text}");
        assert!(text.ends_with("&[\n    tcp_fin_wait2_stuck::ALERT,\n];\n"), "{text}");
    }

    #[test]
    fn a_folder_without_one_of_its_files_is_an_error_that_names_it() {
        for missing in FILES {
            let rest: Vec<&str> = FILES.into_iter().filter(|file| *file != missing).collect();
            let error = text(&folder("TcpNew", &rest)).unwrap_err().to_string();
            assert_eq!(error, format!("dashboards/alerts/TcpNew has no {missing}"));
        }
    }

    #[test]
    fn a_stray_file_and_a_name_in_another_case_are_errors() {
        for (name, file) in [("TcpNew", "rule.rs.orig"), ("tcp-new", "rule.rs")] {
            let files = [&FILES[..], &[file]].concat();
            let error = text(&folder(name, &files)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("dashboards/alerts/{name}")), "{error}");
        }
    }
}
