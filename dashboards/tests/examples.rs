//! The example configurations are what Prometheus and Alertmanager accept, and what Alertmanager
//! inhibits with them. Needs `promtool`, `amtool` and Alertmanager on PATH, as `cargo xtask test`
//! has them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dashboards::rules;
use dashboards::timing::PRODUCTION;
use serde_json::{Value, json};
use stack::{Alertmanager, Folder};

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

/// The labels of an alert about a process.
fn alert(name: &str, process: &str) -> Value {
    let alert = rules::all().iter().find(|alert| alert.name == name).expect(name);
    let mut labels = json!({
        "alertname": name, "severity": alert.severity.as_str(), "job": "tcpwarden",
        "instance": "web-1:10793", "workload": "shop.service", "process": process,
    });
    if alert.expression(&PRODUCTION).contains("close_wait") {
        labels["role"] = "server".into();
    }
    labels
}

/// Holds what Alertmanager inhibits, with the example, of these alerts of one process and of these
/// of another; the rest it must tell.
fn inhibits(one: &[&str], other: &[&str], expected: &[&str]) {
    // Two that start at a time would take the same port.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new().unwrap();
    let config = std::fs::read_to_string(format!("{FOLDER}/examples/alertmanager.yml")).unwrap();
    let server = Alertmanager::start_with(&folder, 19093, &config).unwrap();
    let ones = one.iter().map(|name| alert(name, "orders-api"));
    let others = other.iter().map(|name| alert(name, "checkout"));
    server.fire(&ones.chain(others).collect::<Vec<_>>()).unwrap();
    let all = one.iter().chain(other).filter(|name| !expected.contains(name)).copied();
    let wanted = [set(&all.collect::<Vec<_>>()), set(expected)];
    // An alert is an alert of the list before it inhibits others.
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    let _ = testkit::wait::poll(Duration::from_secs(10), || {
        found = [server.told().unwrap(), server.inhibited().unwrap()];
        (found == wanted).then_some(())
    });
    assert_eq!(found, wanted, "what is told, and what is inhibited");
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_leak_that_reaches_the_descriptors_is_one_message() {
    let leak = [
        "TcpCloseWaitStuck",
        "TcpCloseWaitGrowing",
        "TcpEstablishedGrowing",
        "TcpFinWait2Stuck",
        "TcpDescriptorsHigh",
    ];
    inhibits(&[&leak[..], &["TcpDescriptorsNearLimit"]].concat(), &[], &leak);
}

#[test]
fn what_grows_is_not_told_as_stuck_as_well() {
    inhibits(&["TcpCloseWaitStuck", "TcpCloseWaitGrowing"], &[], &["TcpCloseWaitStuck"]);
}

#[test]
fn a_server_that_hangs_is_one_message() {
    let hangs = [
        "TcpAcceptQueueOverflowing",
        "TcpListenerNotAccepting",
        "TcpCloseWaitUnaccepted",
        "TcpListenBacklogNearLimit",
    ];
    inhibits(&[&hangs[..], &["TcpUnaccepted"]].concat(), &[], &hangs);
    let queue = ["TcpAcceptQueueOverflowing", "TcpListenBacklogNearLimit"];
    inhibits(&queue, &[], &queue[1..]);
}

#[test]
fn the_page_of_one_process_leaves_the_tickets_of_another() {
    inhibits(
        &["TcpDescriptorsNearLimit", "TcpCloseWaitGrowing"],
        &["TcpCloseWaitStuck", "TcpFinWait2Stuck", "TcpListenerNotAccepting"],
        &["TcpCloseWaitGrowing"],
    );
}

#[test]
fn the_inhibitions_name_alerts_that_there_are() {
    let text = std::fs::read_to_string(format!("{FOLDER}/examples/alertmanager.yml")).unwrap();
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
