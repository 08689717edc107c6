//! What holds for every alert, whatever it is about.

use std::collections::BTreeSet;
use std::time::Duration;

use dashboards::rules::{self, Severity, records};
use dashboards::timing::{LIVE, PRODUCTION};

#[test]
fn names_are_unique_and_begin_with_tcp() {
    let names: BTreeSet<&str> = rules::all().iter().map(|alert| alert.name).collect();
    assert_eq!(names.len(), rules::all().len());
    assert!(names.iter().all(
        |name| name.starts_with("Tcp") && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    ));
}

#[test]
fn ranks_are_unique_and_keep_the_alerts_of_a_group_together() {
    let ranks: BTreeSet<u32> = rules::all().iter().map(|alert| alert.rank).collect();
    assert_eq!(ranks.len(), rules::all().len());
    let mut groups: Vec<&str> = rules::all().iter().map(|alert| alert.group).collect();
    groups.dedup();
    let distinct: BTreeSet<&str> = groups.iter().copied().collect();
    assert_eq!(groups.len(), distinct.len(), "{groups:?}");
}

#[test]
fn every_alert_waits_four_scrapes_and_goes_on_for_a_while_with_either_timing() {
    for (alert, timing) in
        rules::all().iter().flat_map(|alert| [(alert, PRODUCTION), (alert, LIVE)])
    {
        for time in [alert.hold, alert.keep] {
            assert!(
                timing.seconds(time) >= 4 * timing.scrape.as_secs(),
                "{}: {time:?}",
                alert.name
            );
        }
    }
}

#[test]
fn production_fits_scrapes_a_minute_apart() {
    for alert in rules::all() {
        assert!(alert.hold >= Duration::from_mins(4), "{}", alert.name);
        let expr = alert.expression(&PRODUCTION);
        for window in expr.split('[').skip(1).filter_map(|rest| rest.split([']', ':']).next()) {
            let (digits, unit) = window.split_at(window.len() - 1);
            let minutes = digits.parse::<u64>().unwrap() * if unit == "h" { 60 } else { 1 };
            assert!(["m", "h"].contains(&unit), "{}: a window of {window}", alert.name);
            assert!(minutes >= 4, "{}: a window of {window}", alert.name);
        }
    }
}

#[test]
fn live_times_are_shorter_and_the_limits_are_the_same() {
    assert_eq!(
        (PRODUCTION.span(Duration::from_mins(5)), LIVE.span(Duration::from_mins(5))),
        ("5m".to_owned(), "5s".to_owned())
    );
    assert_eq!(
        (PRODUCTION.span(Duration::from_hours(1)), LIVE.span(Duration::from_secs(30))),
        ("1h".to_owned(), "4s".to_owned())
    );
    for alert in rules::all() {
        // What is left when every time is taken out: `[5m]`, `offset 10m`, ages in seconds.
        let shape = |timing| {
            alert
                .expression(timing)
                .lines()
                .filter(|line| !line.contains("_stuck") && !line.contains("min_age"))
                .count()
        };
        assert_eq!(shape(&PRODUCTION), shape(&LIVE), "{}", alert.name);
    }
}

/// The alerts about many machines: they name the job.
const OF_FLEET: [&str; 3] =
    ["TcpFleetConnectFailures", "TcpwardenAgentsDown", "TcpwardenVersionSkew"];

#[test]
fn a_summary_is_one_sentence_without_variables_and_a_description_names_the_machine() {
    for alert in rules::all() {
        let one = alert.summary.ends_with('.')
            && alert.summary.matches(". ").count() == 0
            && !alert.summary.contains("{{");
        assert!(one, "{}: {}", alert.name, alert.summary);
        let description = alert.describe(&PRODUCTION);
        let whose = if OF_FLEET.contains(&alert.name) { "$labels.job" } else { "$labels.instance" };
        assert!(
            description.contains(whose) && !description.contains("[["),
            "{}: {description}",
            alert.name
        );
    }
}

/// How a limit that a text has as `80 %`, `256 KiB`, `0.1 a second` or `10m` can stand in an
/// expression.
fn in_promql(value: &str) -> Vec<String> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let Ok(number) = number.parse::<f64>() else {
        let (digits, unit) = value.split_at(value.len() - 1);
        let seconds = digits.parse::<u64>().unwrap() * if unit == "h" { 3600 } else { 60 };
        return vec![
            format!("[{value}]"),
            format!("[{value}:"),
            format!("offset {value}"),
            format!(">= {seconds}"),
            format!(", {seconds})"),
        ];
    };
    let plain = match unit {
        "%" => (number * 10.0).round() / 1000.0,
        "KiB" => number * 1024.0,
        _ => number,
    };
    vec![format!(">= {plain}"), format!("<= {plain}"), format!("le=\"{plain}\"")]
}

#[test]
fn the_limits_that_texts_name_are_those_of_the_expression() {
    let mut limits = 0;
    for alert in rules::all() {
        let expr = alert.expression(&PRODUCTION);
        for term in alert.filled_terms(&PRODUCTION) {
            assert!(
                alert.description.contains(&format!("[[{}]]", term.key))
                    || !term.meaning.is_empty(),
                "{}: {}",
                alert.name,
                term.key
            );
            if !term.meaning.is_empty() {
                let found = in_promql(&term.value).iter().any(|text| expr.contains(text.as_str()));
                assert!(found, "{}: {} is not in\n{expr}", alert.name, term.value);
                limits += 1;
            }
        }
    }
    assert!(limits > 40, "only {limits} limits were looked at");
}

#[test]
fn few_alerts_wake_somebody() {
    let critical: Vec<&str> = rules::all()
        .iter()
        .filter(|alert| alert.severity == Severity::Critical)
        .map(|alert| alert.name)
        .collect();
    assert_eq!(
        critical,
        [
            "TcpDescriptorsNearLimit",
            "TcpEphemeralPortsExhausted",
            "TcpMemoryNearLimit",
            "TcpAcceptQueueOverflowing",
            "TcpUnaccepted"
        ]
    );
}

#[test]
fn alerts_read_no_recording_rule_and_recording_rules_say_what_they_leave() {
    for alert in rules::all() {
        assert!(!alert.expression(&PRODUCTION).contains("tcpwarden:"), "{}", alert.name);
    }
    for record in records::all() {
        let expr = record.expression(&PRODUCTION);
        assert_eq!(record.name.matches(':').count(), 3, "{}", record.name);
        let by = format!("by ({})", record.labels.join(", "));
        assert!(expr.contains(&by) || expr.contains("without"), "{}: {expr}", record.name);
    }
}
