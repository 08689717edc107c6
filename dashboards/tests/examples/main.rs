//! The example configurations are what Prometheus and Alertmanager accept, and what Alertmanager
//! inhibits with them. Needs `promtool`, `amtool` and Alertmanager on PATH, as `cargo xtask test`
//! has them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]

mod inhibitions;
mod messages;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashboards::rules;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// The example for Alertmanager.
fn example() -> String {
    std::fs::read_to_string(format!("{FOLDER}/examples/alertmanager.yml")).unwrap()
}

/// Held by a test while its Alertmanager runs: two that start at a time would take the same port.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accepts(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(FOLDER).output();
    let output = output
        .unwrap_or_else(|error| panic!("run {program}: {error}; `cargo xtask setup` unpacks it"));
    let said = [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

#[test]
fn prometheus_takes_the_example() {
    accepts("promtool", &["check", "config", "--syntax-only", "examples/prometheus.yml"]);
}

#[test]
fn prometheus_takes_the_example_of_own_limits() {
    accepts("promtool", &["check", "rules", "--lint-fatal", "examples/limits.yml"]);
    let text = std::fs::read_to_string(format!("{FOLDER}/examples/limits.yml")).unwrap();
    let series = dashboards::alerts::tcp_retransmit_ratio_high::OWN_LIMIT;
    assert!(text.contains(&format!("record: {series}\n")), "{text}");
}

#[test]
fn alertmanager_takes_the_example() {
    accepts("amtool", &["check-config", "examples/alertmanager.yml"]);
}

#[test]
fn the_inhibitions_name_alerts_that_there_are() {
    let text = example();
    let names: Vec<&str> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("Tcp") && *word != "Tcpwarden")
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(rules::all().iter().any(|alert| alert.name == name), "there is no {name}");
    }
}

#[test]
fn the_scrape_job_of_the_example_is_one_that_the_alert_for_a_dead_agent_knows() {
    let example = std::fs::read_to_string(format!("{FOLDER}/examples/prometheus.yml")).unwrap();
    let job =
        example.lines().find_map(|line| line.trim().strip_prefix("- job_name: ")).expect("a job");
    let rules =
        std::fs::read_to_string(format!("{FOLDER}/prometheus/tcpwarden-alerts.yml")).unwrap();
    let wanted = rules
        .split_once("up{job=~\".*")
        .and_then(|(_, rest)| rest.split_once(".*\""))
        .expect("the expression of TcpwardenDown")
        .0;
    assert!(job.contains(wanted), "{job} has no {wanted}");
}

#[test]
fn every_link_of_the_readme_leads_somewhere() {
    let text = std::fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    let links =
        text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    let links: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
    assert!(
        links
            .iter()
            .filter(|link| std::path::Path::new(link).extension().is_some_and(|end| end == "png"))
            .count()
            >= 6,
        "{links:?}"
    );
    for link in links {
        assert!(
            std::path::Path::new(FOLDER).join(link).exists(),
            "dashboards/README.md links to {link}, which is not there"
        );
    }
}
