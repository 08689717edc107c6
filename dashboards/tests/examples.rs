//! The example configurations are what Prometheus and Alertmanager accept. Needs `promtool` and
//! `amtool` on PATH, as `cargo xtask test` has them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]

use std::process::Command;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

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
fn alertmanager_takes_the_example() {
    accepts("amtool", &["check-config", "examples/alertmanager.yml"]);
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
