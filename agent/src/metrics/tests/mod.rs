//! The page of a snapshot: against the catalogue, against the golden file, and against a second
//! witness.

mod cardinality;
mod fixtures;
mod open;
mod random;
mod seen;
mod selection;
mod values;
mod witness;

use std::collections::{BTreeMap, BTreeSet};

use catalogue::metrics::{Kind, all};

use super::{SharedStats, families};
use crate::golden::compare;
use fixtures::{empty, full, page, stats};

#[test]
fn the_page_of_a_full_snapshot_is_the_golden_one() {
    compare("src/metrics/golden.txt", &page(&full(), stats()));
}

/// Returns the name and label set of a line, without its value.
fn series(line: &str) -> &str {
    line.rsplit_once(' ').unwrap().0
}

#[test]
fn every_family_is_as_the_catalogue_says_and_none_is_missing() {
    let page = page(&full(), stats());
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let catalogue: BTreeMap<&str, &str> =
        all().map(|metric| (metric.name, metric.kind.as_str())).collect();
    assert_eq!(types, catalogue);
    for metric in all() {
        let names = metric.series_names();
        let lines = page.lines().filter(|line| {
            names.iter().any(|name| {
                line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))
            })
        });
        // A destination is a label only where it has a name.
        let line = lines.max_by_key(|line| line.matches("=\"").count()).unwrap();
        let mut position = 0;
        for label in metric.labels {
            let at = line[position..]
                .find(&format!("{label}=\""))
                .unwrap_or_else(|| panic!("{label} is not in {line}"));
            position += at;
        }
        let labels = line.matches("=\"").count()
            - usize::from(metric.kind == Kind::Histogram && line.contains("_bucket{"));
        assert_eq!(labels, metric.labels.len(), "{line}");
    }
}

#[test]
fn every_metric_of_the_catalogue_is_written_once_in_the_order_of_names() {
    let written: Vec<&str> = families::all().iter().map(|(metric, _)| metric.name).collect();
    assert_eq!(
        written,
        all().map(|metric| metric.name).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn no_label_set_occurs_twice_and_the_order_is_stable() {
    let once = page(&full(), stats());
    let lines: Vec<&str> = once.lines().filter(|line| !line.starts_with('#')).collect();
    let unique: BTreeSet<&str> = lines.iter().map(|line| series(line)).collect();
    assert_eq!(unique.len(), lines.len());
    let mut turned = full();
    turned.groups.reverse();
    turned.services.reverse();
    assert_eq!(page(&turned, stats()), once);
}

#[test]
fn a_hostile_process_name_stays_on_one_line() {
    let page = page(&full(), stats());
    let labels = r#"process="a\"b\\c\nd�",workload="web.service",role="server",state="listen""#;
    assert!(page.contains(&format!("tcpwarden_connections{{{labels}}} 0")));
}

/// The transitions that a kernel makes, as the tests of the state machine name them.
const STATE_MACHINE: &str = include_str!("../../conn/socket/tests/state_machine.txt");

#[test]
fn every_transition_that_a_kernel_makes_has_a_counter_from_the_start_and_no_other() {
    let (_, made) = STATE_MACHINE.split_once("\n[kernel]\n").unwrap();
    let made = made.lines().take_while(|line| !line.starts_with('['));
    let made: BTreeSet<String> = made
        .filter_map(|line| line.split_once('|')?.0.split_once("->"))
        .map(|(old, new)| format!("{{old=\"{}\",new=\"{}\"}} 0", old.trim(), new.trim()))
        .collect();
    assert!(!made.is_empty());
    let page = page(&empty(), SharedStats::default());
    let shown = page.lines().filter_map(|line| line.strip_prefix("tcpwarden_transitions_total"));
    assert_eq!(shown.map(str::to_owned).collect::<BTreeSet<_>>(), made);
}

#[test]
fn counters_with_fixed_labels_are_there_from_the_start() {
    let page = page(&empty(), SharedStats::default());
    for line in [
        "tcpwarden_transitions_total{old=\"syn_sent\",new=\"established\"} 0",
        "tcpwarden_events_total{event=\"transition\"} 0",
        "tcpwarden_events_lost_total{ring=\"state\"} 0",
        "tcpwarden_events_lost_total{ring=\"retransmit\"} 0",
        "tcpwarden_decode_errors_total{reason=\"bad_state\"} 0",
        "tcpwarden_reconcile_corrections_total{kind=\"missed_close\"} 0",
        "tcpwarden_label_overflow_total{family=\"groups\"} 0",
        "tcpwarden_resets_sent_total 0",
        "tcpwarden_retransmit_failures_total{error=\"busy\"} 0",
        "tcpwarden_reconcile_duration_seconds_count 0",
        "tcpwarden_reconcile_last_completed_timestamp_seconds 0",
        "tcpwarden_time_wait_sockets{netns=\"host\"} 0",
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
}

#[test]
fn a_service_without_observations_has_no_histogram() {
    let page = page(&full(), stats());
    assert!(page.contains(
        "tcpwarden_connections_opened_total{process=\"~other\",workload=\"~other\",\
         role=\"server\",port=\"~other\"} 0"
    ));
    let lines =
        page.lines().filter(|line| line.starts_with("tcpwarden_connection_duration_seconds_count"));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["tcpwarden_connection_duration_seconds_count{process=\"curl\",\
             workload=\"web.service\",role=\"client\",port=\"443\"} 2"]
    );
}

#[test]
fn without_named_destinations_the_page_has_no_such_label_and_the_same_sums() {
    let mut unnamed = full();
    unnamed.destinations.clear();
    unnamed.groups.iter_mut().for_each(|group| group.idle_to.clear());
    unnamed.services.iter_mut().for_each(|service| service.failed_to.clear());
    let [named, unnamed] = [full(), unnamed].map(|snapshot| page(&snapshot, stats()));
    assert!(named.contains("destination=\"") && !unnamed.contains("destination=\""));
    let sums = |page: &str| {
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (mut of, value) = (series(line).to_owned(), line.rsplit_once(' ').unwrap().1);
            for name in ["orders-db", "users-db"] {
                of = of.replace(&format!("destination=\"{name}\","), "");
            }
            *sums.entry(of).or_default() += value.parse::<f64>().unwrap();
        }
        sums
    };
    assert_eq!(sums(&named), sums(&unnamed));
}
