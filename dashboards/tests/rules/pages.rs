//! The pages: the commands of the agent that they show are those that it has.

use std::path::PathBuf;

use crate::promtool::root;
use crate::runbooks::{commands, fault};

/// Folders whose pages are read, without what is below them.
const FOLDERS: [&str; 5] =
    [".", "docs", "dashboards", "deploy/kubernetes", "deploy/helm/tcpwarden"];

/// They name options without their values, and a command that there is not.
const WITHOUT_COMMANDS: [&str; 2] = ["CHANGELOG.md", "CONTRIBUTING.md"];

/// Every page of these folders with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let entries = FOLDERS.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == "md")
            && !WITHOUT_COMMANDS.iter().any(|name| path.ends_with(name))
    };
    let pages = paths.filter(is_page);
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_command_that_a_page_shows_is_one_of_the_agent() {
    let mut seen = 0;
    for (path, page) in pages() {
        for command in commands(&page) {
            assert_eq!(fault(&command), None, "{}: {command}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn every_console_session_that_a_page_shows_has_commands_of_the_agent() {
    let mut seen = 0;
    for (path, page) in pages() {
        for line in page.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let command = line.strip_prefix("sudo ").unwrap_or(line);
            if command.starts_with("tcpwarden ") {
                assert_eq!(fault(command), None, "{}: {command}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "only {seen} commands were found");
}
