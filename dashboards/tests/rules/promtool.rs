//! promtool, in folders of its own: each alert alone with its unit tests, so that a run takes a
//! fraction of a second.

use std::path::{Path, PathBuf};
use std::process::Command;

use dashboards::options::Options;
use dashboards::rules::{self, Alert};
use dashboards::runbooks;
use dashboards::timing::{LIVE, PRODUCTION, Timing};
use stack::Folder;

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
pub(crate) fn folder() -> Folder {
    Folder::new().unwrap()
}

/// Whether promtool was content, and what it said.
pub(crate) fn run(arguments: &[&str], file: &Path) -> (bool, String) {
    let mut promtool = Command::new(program());
    // It lives for a fraction of a second, hundreds of times: less garbage collection, on the
    // thread that works, saves a third of its processor time.
    promtool.envs([("GOGC", "400"), ("GOMAXPROCS", "1")]);
    let output = promtool.args(arguments).arg(file).output().expect("start promtool");
    (
        output.status.success(),
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat(),
    )
}

/// Plays the unit tests of an alert against this text of its rule.
pub(crate) fn play(alert: &Alert, rule: &str) -> (bool, String) {
    let cases =
        std::fs::read_to_string(root().join(format!("dashboards/alerts/{}/tests.yml", alert.name)))
            .unwrap();
    play_text(&cases, rule)
}

/// Plays these unit tests of one alert.
pub(crate) fn play_text(cases: &str, rule: &str) -> (bool, String) {
    let folder = folder();
    folder.write("prometheus/tcpwarden-alerts.yml", rule).unwrap();
    run(&["test", "rules"], &folder.write("alerts/one/tests.yml", cases).unwrap())
}

/// The rule of one alert, as the file has it where runbooks have an address. The unit tests have
/// the path of the page in its place.
pub(crate) fn rule(alert: &Alert) -> String {
    rule_with(alert, Options::default())
}

/// The same with what a site sets.
pub(crate) fn rule_with(alert: &Alert, mut options: Options) -> String {
    options.set_runbook_base_url("https://runbooks.example").unwrap();
    rules::file_of(std::slice::from_ref(alert), &PRODUCTION.with(options))
        .replace("https://runbooks.example/", runbooks::FOLDER)
}

fn check(timing: &Timing) {
    let folder = folder();
    for file in rules::files(timing) {
        let path = folder.write(file.path.rsplit('/').next().unwrap(), &file.text).unwrap();
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
    let (content, said) = run(&["check", "rules"], &folder().write("broken.yml", &broken).unwrap());
    assert!(!content && said.contains("parse error"), "{said}");
}
