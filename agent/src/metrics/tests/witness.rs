//! The second witness: Prometheus' own library for Rust. What it makes of our page, read line by
//! line and turned around, must be the page.

use std::collections::BTreeSet;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Registry, TextEncoder};
use proptest::prelude::*;

use super::random;
use crate::metrics::Writer;

/// `Families` are as they were read.
struct Read(Vec<MetricFamily>, Desc);

impl Collector for Read {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.1]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.clone()
    }
}

/// Returns the page that the library makes of families.
fn printed(families: Vec<MetricFamily>) -> String {
    let registry = Registry::new();
    registry
        .register(Box::new(Read(
            families,
            Desc::new("x".into(), "x".into(), vec![], [].into()).unwrap(),
        )))
        .unwrap();
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

/// Returns the labels at the start of a text, without their escapes, and the rest of the text.
fn labels(text: &str) -> (Vec<LabelPair>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut labels = Vec::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").unwrap();
        let (value, after) = unquoted(quoted);
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value);
        labels.push(label);
        match after.split_at(1) {
            (",", more) => rest = more,
            ("}", after) => return (labels, after),
            (other, _) => panic!("{other} after a label in {text}"),
        }
    }
}

/// Returns a text up to the quote that ends it, and the rest.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.chars());
    loop {
        match characters.next().unwrap() {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next().unwrap() {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                other => panic!("\\{other} in {text}"),
            }),
            plain => value.push(plain),
        }
    }
}

/// Reads a page; the families and what is in them come in the opposite order.
fn read(page: &str) -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = Vec::new();
    for block in page.strip_prefix("# HELP ").unwrap_or_default().split("\n# HELP ") {
        let mut lines = block.lines();
        let (name, help) = lines.next().unwrap().split_once(' ').unwrap();
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        let lines = lines.map(|line| line.strip_prefix(name).unwrap());
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        let mut metrics = match kind {
            "histogram" => histograms(&lines.collect::<Vec<_>>()),
            _ => lines.map(|line| number(line, kind == "counter")).collect(),
        };
        family.set_field_type(match kind {
            "counter" => MetricType::COUNTER,
            "gauge" => MetricType::GAUGE,
            _ => MetricType::HISTOGRAM,
        });
        metrics.reverse();
        family.set_metric(metrics);
        families.push(family);
    }
    families.reverse();
    families
}

fn number(line: &str, is_counter: bool) -> Metric {
    let (labels, value) = labels(line);
    let (mut metric, value) = (Metric::from_label(labels), value.trim().parse().unwrap());
    if is_counter {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn histograms(lines: &[&str]) -> Vec<Metric> {
    let (mut metrics, mut histogram, mut buckets) = (Vec::new(), Histogram::default(), Vec::new());
    for line in lines {
        let (suffix, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let (mut labels, value) = labels(rest);
        match suffix {
            "_bucket" => {
                let bound = labels.pop().unwrap();
                assert_eq!(bound.name(), "le");
                if bound.value() != "+Inf" {
                    let mut bucket = Bucket::default();
                    bucket.set_upper_bound(bound.value().parse().unwrap());
                    bucket.set_cumulative_count(value.trim().parse().unwrap());
                    buckets.push(bucket);
                }
            }
            "_sum" => histogram.set_sample_sum(value.trim().parse().unwrap()),
            _ => {
                histogram.set_sample_count(value.trim().parse().unwrap());
                histogram.set_bucket(std::mem::take(&mut buckets));
                let mut metric = Metric::from_label(labels);
                metric.set_histogram(std::mem::take(&mut histogram));
                metrics.push(metric);
            }
        }
    }
    metrics
}

/// Returns the values of a label in a family.
fn values(families: &[MetricFamily], family: &str, label: &str) -> BTreeSet<String> {
    let metrics =
        families.iter().filter(|other| other.name() == family).flat_map(MetricFamily::get_metric);
    metrics
        .flat_map(Metric::get_label)
        .filter(|pair| pair.name() == label)
        .map(|pair| pair.value().to_owned())
        .collect()
}

proptest! {
    #[test]
    fn the_page_is_what_the_library_prints(
        snapshot in random::snapshot(),
        stats in random::stats(),
    ) {
        let mut page = Vec::new();
        Writer::new().write(&snapshot, &stats, 1.7e9, &mut page);
        let page = String::from_utf8(page).unwrap();
        let families = read(&page);
        let processes: BTreeSet<String> =
            snapshot.groups.iter().map(|group| group.process.to_string()).collect();
        prop_assert_eq!(values(&families, "tcpwarden_connections", "process"), processes);
        prop_assert_eq!(printed(families), page);
    }
}
