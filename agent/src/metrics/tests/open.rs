//! The page in OpenMetrics: it has what the text page has, and what only OpenMetrics has.

use std::collections::BTreeSet;

use catalogue::metrics::{Kind, all};
use proptest::prelude::*;

use super::fixtures::{full, page, stats};
use super::random;
use crate::golden::compare;
use crate::metrics::{Form, Making, SharedStats, Writer};

const OPEN: Form = Form { open_metrics: true, gzip: false };

fn open(page: &str) -> String {
    String::from_utf8(Making::new(page.as_bytes(), OPEN).finish().unwrap()).unwrap()
}

/// The series of a page, in its order, without those that say when another was created. A bound is
/// as the text page has it.
fn series(page: &str) -> Vec<String> {
    let series = page.lines().filter(|line| !line.starts_with('#') && !is_created(line));
    series
        .map(|line| with_bound(line, &|bound| bound.parse::<f64>().unwrap().to_string()))
        .collect()
}

fn is_created(line: &str) -> bool {
    line.split(['{', ' ']).next().unwrap().ends_with("_created")
}

/// Returns a line with its `le` changed.
fn with_bound(line: &str, change: &dyn Fn(&str) -> String) -> String {
    let Some((before, bound)) = line.rsplit_once("le=\"") else { return line.to_owned() };
    let (bound, after) = bound.split_once('"').unwrap();
    let is_bound = after.starts_with("} ") && line.split('{').next().unwrap().ends_with("_bucket");
    if !is_bound || bound == "+Inf" {
        return line.to_owned();
    }
    format!("{before}le=\"{}\"{after}", change(bound))
}

#[test]
fn the_openmetrics_page_of_a_full_snapshot_is_the_golden_one() {
    compare("src/metrics/golden.openmetrics.txt", &open(&page(&full(), stats())));
}

#[test]
fn families_have_the_names_types_and_units_of_openmetrics() {
    let page = open(&page(&full(), stats()));
    for head in [
        "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n\
         process_cpu_seconds_total 1.5\nprocess_cpu_seconds_created 1700000000\n",
        "# TYPE tcpwarden_build info\ntcpwarden_build_info{version=\"",
        "# TYPE tcpwarden_events_lost counter\ntcpwarden_events_lost_total{ring=\"retransmit\"} 0\n\
         tcpwarden_events_lost_created{ring=\"retransmit\"} 1700000000\n",
        "# UNIT tcpwarden_tcp_memory_bytes bytes\n",
        "# UNIT tcpwarden_ephemeral_ports_used_ratio ratio\n",
        "# TYPE tcpwarden_reconcile_duration_seconds histogram\n",
        "_bucket{le=\"0.0001\"} 0\n",
        "_bucket{le=\"3600.0\"} 1\n",
        "tcpwarden_reconcile_duration_seconds_count 1\n\
         tcpwarden_reconcile_duration_seconds_created 1700000000\n",
        ",le=\"0.0\"} ",
        ",le=\"1.048576e+06\"} ",
        ",le=\"4.294967296e+09\"} ",
    ] {
        assert!(page.contains(head), "{head}\n{page}");
    }
    assert!(page.ends_with("\n# EOF\n") && page.matches("# EOF").count() == 1);
    let lines = |what: &str| page.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!(lines("# HELP "), all().count());
    assert_eq!(lines("# TYPE "), all().count());
    assert_eq!(lines("# UNIT "), all().filter(|metric| metric.open_unit().is_some()).count());
}

#[test]
fn a_series_that_may_be_younger_than_the_agent_has_no_time_of_creation() {
    let page = open(&page(&full(), stats()));
    let created = page.lines().filter(|line| is_created(line));
    for line in created.clone() {
        for label in ["process=", "workload=", "port=", "netns="] {
            assert!(!line.contains(label), "{line}");
        }
        assert!(line.ends_with(" 1700000000"), "{line}");
    }
    // Every other one has it: each counter, and each histogram once.
    let since: Vec<_> = all().filter(|metric| metric.counts_since_start()).collect();
    let count = |line: &str| {
        let name = line.split(['{', ' ']).next().unwrap();
        since.iter().any(|metric| match metric.kind {
            Kind::Histogram => name.strip_suffix("_count") == Some(metric.name),
            _ => name == metric.name,
        })
    };
    assert_eq!(created.count(), page.lines().filter(|line| count(line)).count());
}

#[test]
fn an_agent_that_does_not_know_its_start_yet_tells_no_time_of_creation() {
    let page = open(&page(&full(), SharedStats::default()));
    assert!(page.lines().all(|line| !is_created(line)), "{page}");
}

#[test]
fn no_name_of_a_family_or_of_its_series_is_that_of_another() {
    let mut seen = BTreeSet::new();
    for metric in all() {
        let family = metric.family();
        let suffixes: &[&str] = match metric.kind {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge if metric.open_type() == "info" => &["", "_info"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        };
        for suffix in suffixes {
            assert!(seen.insert(format!("{family}{suffix}")), "{family}{suffix} twice");
        }
    }
}

proptest! {
    #[test]
    fn both_pages_have_the_same_series_with_the_same_values(
        snapshot in random::snapshot(),
        stats in random::stats(),
    ) {
        let mut page = Vec::new();
        Writer::new().write(&snapshot, &stats, 1.7e9, &mut page);
        let page = String::from_utf8(page).unwrap();
        let open = open(&page);
        prop_assert_eq!(series(&open), series(&page));
        // A time of creation stands behind the series that it is about, and has its labels.
        let head = |line: &str| line.rsplit_once(' ').unwrap().0.to_owned();
        let lines: Vec<&str> = open.lines().collect();
        for pair in lines.windows(2).filter(|pair| is_created(pair[1])) {
            let of = |suffix| head(pair[1]).replacen("_created", suffix, 1);
            let is_about_it = ["_total", "_count"].map(of).contains(&head(pair[0]));
            prop_assert!(is_about_it, "{} after {}", pair[1], pair[0]);
        }
    }
}
