//! promtool, in folders of its own: each alert alone with its unit tests, so that a run takes a
//! fraction of a second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use dashboards::rules::{self, Alert};
use dashboards::timing::{LIVE, PRODUCTION, Timing};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// From the path, or from where `cargo xtask setup` puts it.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = root().join("target/tools/bin");
    let mut places =
        std::env::split_paths(&path).chain([own]).map(|folder| folder.join("promtool"));
    places
        .find(|file| file.exists())
        .expect("promtool is neither in PATH nor in target/tools/bin: run `cargo xtask setup`")
}

/// A folder that ends with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rules-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for inner in ["tests", "prometheus", "alerts/one"] {
            std::fs::create_dir_all(folder.join(inner)).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether promtool was content, and what it said.
pub(crate) fn run(arguments: &[&str], file: &Path) -> (bool, String) {
    let output =
        Command::new(program()).args(arguments).arg(file).output().expect("start promtool");
    (
        output.status.success(),
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat(),
    )
}

/// Plays the unit tests of an alert against this text of its rule.
pub(crate) fn play(alert: &Alert, rule: &str) -> (bool, String) {
    let folder = Folder::new();
    folder.write("prometheus/tcpwarden-alerts.yml", rule);
    let cases =
        std::fs::read_to_string(root().join(format!("dashboards/alerts/{}/tests.yml", alert.name)))
            .unwrap();
    run(&["test", "rules"], &folder.write("alerts/one/tests.yml", &cases))
}

/// The rule of one alert, as the file has it.
pub(crate) fn rule(alert: &Alert) -> String {
    rules::file_of(std::slice::from_ref(alert), &PRODUCTION, rules::RUNBOOKS)
}

fn check(timing: &Timing) {
    let folder = Folder::new();
    for file in rules::files(timing) {
        let path = folder.write(file.path.rsplit('/').next().unwrap(), &file.text);
        let (content, said) = run(&["check", "rules", "--lint-fatal"], &path);
        assert!(content && !said.contains("SUCCESS: 0 rules"), "{}:\n{said}", file.path);
    }
}

#[test]
fn promtool_reads_the_files_for_production() {
    check(&PRODUCTION);
}

#[test]
fn promtool_reads_the_files_for_the_live_proof() {
    check(&LIVE);
}

#[test]
fn promtool_refuses_what_is_not_promql() {
    let alert = &rules::all()[0];
    let broken = rule(alert).replace("sum without", "sum wihtout");
    let (content, said) = run(&["check", "rules"], &Folder::new().write("broken.yml", &broken));
    assert!(!content && said.contains("parse error"), "{said}");
}
