//! The unit tests in dashboards/alerts/NAME: there are such for each alert, and all hold.

use std::collections::BTreeMap;

use dashboards::rules;
use dashboards::timing::PRODUCTION;
use serde::Deserialize;

use crate::promtool::{folder, play, root, rule, run};

/// A file of unit tests, as far as it is looked at here.
#[derive(Deserialize)]
struct Cases {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    alert_rule_test: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    alertname: String,
    exp_alerts: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    exp_labels: BTreeMap<String, String>,
    exp_annotations: BTreeMap<String, String>,
}

/// The labels of alerts that a person routes, groups and silences by. No process id, and no port
/// but for [`OF_PORTS`].
const LABELS: [&str; 9] =
    ["severity", "job", "instance", "process", "workload", "role", "netns", "probe", "family"];

/// The alerts about one port: by its label the alert of many machines inhibits those of each.
const OF_PORTS: [&str; 2] = ["TcpConnectFailures", "TcpFleetConnectFailures"];

fn cases(name: &str) -> Vec<Case> {
    let path = root().join(format!("dashboards/alerts/{name}/tests.yml"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{name} has no unit tests: {error}"));
    serde_saphyr::from_str::<Cases>(&text).unwrap().tests
}

/// Every alert with its unit tests.
fn all() -> impl Iterator<Item = (&'static rules::Alert, Vec<Case>)> {
    rules::all().iter().map(|alert| (alert, cases(alert.name)))
}

fn fires(case: &Case) -> bool {
    case.alert_rule_test.iter().any(|check| !check.exp_alerts.is_empty())
}

#[test]
fn the_unit_tests_of_every_alert_hold() {
    for alert in rules::all() {
        let (content, said) = play(alert, &rule(alert));
        assert!(content && said.contains("SUCCESS"), "{}:\n{said}", alert.name);
    }
}

#[test]
fn recording_rules_add_up_machines_and_leave_out_what_is_gone() {
    let text =
        std::fs::read_to_string(root().join("dashboards/prometheus/tests/recording.yml")).unwrap();
    for record in rules::records::all() {
        assert!(
            text.contains(&format!("expr: '{}", record.name)),
            "{} has no unit test",
            record.name
        );
    }
    let folder = folder();
    folder.write("tcpwarden-recording.yml", &rules::files(&PRODUCTION)[1].text).unwrap();
    let (content, said) =
        run(&["test", "rules"], &folder.write("tests/recording.yml", &text).unwrap());
    assert!(content && said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_has_a_case_that_fires_and_ends_and_one_just_below() {
    for (alert, cases) in all() {
        let name = alert.name;
        assert!(
            cases
                .iter()
                .all(|case| case.alert_rule_test.iter().all(|check| check.alertname == name)),
            "{name}: another's case"
        );
        assert!(
            cases.iter().all(|case| fires(case) != case.name.starts_with("silent:")),
            "{name}: a case does what its name denies"
        );
        assert!(cases.iter().any(|case| !fires(case)), "{name}: no silent case");
        let ends = |case: &Case| {
            fires(case)
                && case.alert_rule_test.last().is_some_and(|check| check.exp_alerts.is_empty())
        };
        assert!(cases.iter().any(ends), "{name}: no case fires and resolves");
    }
}

#[test]
fn restarts_of_the_agent_resets_of_counters_and_vanished_series_are_among_the_cases() {
    let named = |part: &str| -> Vec<&str> {
        all()
            .filter(|(_, cases)| cases.iter().any(|case| case.name.contains(part)))
            .map(|(alert, _)| alert.name)
            .collect()
    };
    for rated in [
        "TcpConnectFailures",
        "TcpSynRetransmits",
        "TcpRetransmitRatioHigh",
        "TcpResetStorm",
        "TcpAcceptQueueOverflowing",
    ] {
        assert!(
            named("the agent restarts: counters begin anew").contains(&rated),
            "{rated}: no reset of its counters"
        );
    }
    assert!(named("the agent restarts: ages begin anew").contains(&"TcpCloseWaitStuck"));
    assert!(named("series vanish").len() >= 3);
}

#[test]
fn alerts_carry_the_labels_that_people_route_by_and_no_process_id() {
    for (alert, cases) in all() {
        for expected in
            cases.iter().flat_map(|case| &case.alert_rule_test).flat_map(|check| &check.exp_alerts)
        {
            let labels: Vec<&str> = expected.exp_labels.keys().map(String::as_str).collect();
            let has_port = OF_PORTS.contains(&alert.name);
            assert_eq!(labels.contains(&"port"), has_port, "{}: {labels:?}", alert.name);
            // An operator gives it, and to so few that a label is bounded.
            let is_named = labels.contains(&"destination");
            assert!(!is_named || alert.name == "TcpFleetConnectFailures", "{}", alert.name);
            let known =
                |label: &str| LABELS.contains(&label) || ["port", "destination"].contains(&label);
            assert!(labels.iter().all(|label| known(label)), "{}: {labels:?}", alert.name);
            assert_eq!(expected.exp_labels["severity"], alert.severity.as_str(), "{}", alert.name);
            let description = &expected.exp_annotations["description"];
            assert!(
                !description.contains("{{") && !description.contains("no value"),
                "{}: {description}",
                alert.name
            );
        }
    }
}
