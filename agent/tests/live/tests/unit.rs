//! The unit that is shipped: what `systemd-analyze` marks, and what the documentation says of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Test;

/// The tests of this file.
pub(super) const TESTS: &[Test] =
    &[("host::unit::each_mark_of_the_unit_has_its_reason_and_they_are_few", marks)];

/// The most that the exposure may be, in tenths.
const MOST: &str = "25";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn analyze(options: &[&str]) -> std::process::Output {
    Command::new("systemd-analyze")
        .args(["security", "--offline=true"])
        .args(options)
        .arg(file("deploy/systemd/tcpwarden.service"))
        .output()
        .expect("run systemd-analyze, of the package systemd")
}

/// What a mark is about: `User=/DynamicUser=` is `User=`, a set of capabilities its names.
fn words(mark: &str) -> Vec<String> {
    let (setting, rest) = mark.split_once('=').expect("a setting");
    let mut words = vec![format!("{setting}=")];
    if let Some(names) = rest.strip_prefix("~CAP_") {
        let names = names.replace("SYS_(NICE|RESOURCE)", "SYS_RESOURCE");
        words.push(names);
    } else if rest.starts_with('~') && setting != "RestrictAddressFamilies" {
        words[0].push_str(rest);
    }
    words
}

fn marks() {
    let output = analyze(&["--threshold", MOST]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "more exposed than {MOST} tenths:\n{said}");
    let output = analyze(&["--json=short"]);
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let open = all.iter().filter(|one| one["set"] == false && !one["exposure"].is_null());
    let open: Vec<&str> = open.map(|one| one["name"].as_str().expect("a name")).collect();
    let text = std::fs::read_to_string(file("docs/capabilities.md")).expect("docs/capabilities.md");
    let (_, table) = text.split_once("| mark |").expect("the table of marks");
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).expect("a first column"))
        .collect();
    let tells = |row: &str, mark: &str| words(mark).iter().all(|word| row.contains(word.as_str()));
    for mark in &open {
        assert!(rows.iter().any(|row| tells(row, mark)), "no reason for {mark} in {rows:?}");
    }
    for row in rows {
        for setting in row.split('`').skip(1).step_by(2) {
            let is_open = open.iter().any(|mark| words(mark)[0] == setting);
            assert!(is_open, "{setting} is closed, and the documentation says that it is not");
        }
    }
}
