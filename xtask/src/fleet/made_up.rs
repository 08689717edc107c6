//! The series of a fleet, made up: for each name every set of labels that a fleet of this size
//! has, and a value for each moment.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::grafana;
use super::inventory::{Board, Inventory, Label, Series};

/// The label of a cluster, and how many there are.
pub(super) const CLUSTER: &str = "cluster";
const CLUSTERS: usize = 5;
/// Workloads of the whole fleet, and of each node; each is of one process.
const WORKLOADS: usize = 36;
const EACH: usize = 15;
/// Namespaces of workloads, destination ports and versions of the whole fleet.
const NAMESPACES: usize = 6;
const PORTS: usize = 60;
const VERSIONS: usize = 3;
/// The most alerts that fire at once, each on one node.
const FIRING: usize = 20;

/// A series, ready to be written: its name with its labels, and what its values are like.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    seed: u64,
    shape: Shape,
}

/// What the values of a series are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A whole number that goes up and down.
    Level,
    /// One.
    Truth,
    /// One, but zero on one node of a hundred.
    Up,
    /// Between 0 and 0.07.
    Share,
    /// Grows.
    Counter,
    /// The rate of a bucket: more the further up; the number is the bucket's place.
    Bucket(u16),
}

impl Line {
    /// The value at a moment, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^53")]
    pub(super) fn value(&self, at: u64) -> f64 {
        let wave = (at / 60 + self.seed) % 40;
        match self.shape {
            Shape::Level => (self.seed % 50 + wave) as f64,
            Shape::Truth => 1.0,
            Shape::Up => f64::from(self.seed % 100 != 7),
            Shape::Share => (self.seed % 100 + wave) as f64 / 2000.0,
            Shape::Counter => (at % 10_000_000 * (self.seed % 9 + 1)) as f64,
            Shape::Bucket(place) => (u64::from(place) * (wave + 1)) as f64 / 8.0,
        }
    }
}

/// Returns the names of the series that the queries of a board read, and every recorded one.
///
/// # Errors
/// A query reads nothing that is known.
pub(super) fn read_by(board: &Board, inventory: &Inventory) -> Result<Vec<Series>> {
    let all: Vec<Series> = inventory.series.iter().cloned().chain(others(inventory)).collect();
    let mut names = BTreeSet::new();
    for query in &board.queries {
        let words = grafana::words(&query.expr);
        let read: Vec<&Series> =
            all.iter().filter(|one| words.contains(one.name.as_str())).collect();
        if read.is_empty() {
            bail!("{}: no known series is read by {}", query.panel, query.expr);
        }
        names.extend(read.iter().map(|one| one.name.clone()));
    }
    Ok(all.into_iter().filter(|one| one.recorded || names.contains(&one.name)).collect())
}

/// Series that Prometheus itself makes.
fn others(inventory: &Inventory) -> [Series; 2] {
    let label = |name: &str, values: &[&str]| Label {
        name: name.to_owned(),
        values: values.iter().map(ToString::to_string).collect(),
    };
    let target = ["job", "instance", CLUSTER].map(|name| label(name, &[]));
    let names = inventory.alerts.iter().map(String::as_str).collect::<Vec<_>>();
    let of_alert = [
        label("alertname", &names),
        label("alertstate", &["firing"]),
        label("severity", &["warning"]),
    ];
    let one =
        |name: &str, labels: Vec<Label>| Series { name: name.to_owned(), recorded: false, labels };
    [one("up", target.to_vec()), one("ALERTS", [&target[..], &of_alert].concat())]
}

/// Returns every line of these series on so many nodes.
pub(super) fn lines(all: &[Series], nodes: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for series in all {
        let has = |label: &str| series.labels.iter().any(|one| one.name == label);
        let before = lines.len();
        if has("instance") {
            let nodes = if series.name == "ALERTS" { nodes.min(FIRING) } else { nodes };
            for node in 0..nodes {
                of_place(series, Some(node), node % CLUSTERS, &mut lines);
            }
        } else {
            for cluster in 0..if has(CLUSTER) { CLUSTERS } else { 1 } {
                of_place(series, None, cluster, &mut lines);
            }
        }
        for (number, line) in lines.iter_mut().skip(before).enumerate() {
            line.seed = (number as u64).wrapping_mul(7919) % 10_007;
            if line.shape == Shape::Up {
                line.seed = number as u64;
            }
        }
    }
    lines
}

/// Adds the lines of one node, or of a cluster as a whole.
fn of_place(series: &Series, node: Option<usize>, cluster: usize, lines: &mut Vec<Line>) {
    let has = |label: &str| series.labels.iter().any(|one| one.name == label);
    let workloads: Vec<usize> = match node {
        _ if !has("workload") && !has("process") => vec![0],
        Some(node) => (0..EACH).map(|one| (node + one) % WORKLOADS).collect(),
        None => (0..WORKLOADS).collect(),
    };
    for workload in workloads {
        let mut texts = vec![(String::new(), shape(&series.name))];
        for label in &series.labels {
            let values = values(label, node, cluster, workload);
            texts = texts.iter().flat_map(|text| with(text, &label.name, &values)).collect();
        }
        lines.extend(texts.into_iter().map(|(labels, shape)| Line {
            text: format!("{}{{{labels}}}", series.name),
            seed: 0,
            shape,
        }));
    }
}

/// The values of a label: on a node, or of a cluster as a whole.
fn values(label: &Label, node: Option<usize>, cluster: usize, workload: usize) -> Vec<String> {
    let some = |begin: &str, count: usize| (0..count).map(|one| format!("{begin}{one}")).collect();
    match (label.name.as_str(), node) {
        ("job", _) => vec!["tcpwarden".to_owned()],
        ("instance", _) => vec![format!("node-{:04}", node.unwrap_or_default())],
        (CLUSTER, _) => vec![format!("cluster-{cluster}")],
        ("namespace", _) => vec![format!("namespace-{}", workload % NAMESPACES)],
        ("workload", _) => vec![format!("app-{workload}.service")],
        ("process", _) => vec![format!("app-{workload}")],
        // One alert each node, another one on the next.
        ("alertname", Some(node)) => {
            label.values.iter().cycle().nth(node).cloned().into_iter().collect()
        }
        ("port", None) => some("80", PORTS),
        ("version", None) => some("0.1.", VERSIONS),
        _ if label.values.is_empty() => vec!["one".to_owned()],
        _ => label.values.clone(),
    }
}

/// The labels of a line with one more, in each of its values.
fn with(line: &(String, Shape), name: &str, values: &[String]) -> Vec<(String, Shape)> {
    let (text, shape) = line;
    let comma = if text.is_empty() { "" } else { "," };
    let one = |(place, value): (usize, &String)| {
        let place = u16::try_from(place + 1).unwrap_or(u16::MAX);
        let is_bucket = name == "le" && *shape == Shape::Level;
        let shape = if is_bucket { Shape::Bucket(place) } else { *shape };
        (format!("{text}{comma}{name}=\"{value}\""), shape)
    };
    values.iter().enumerate().map(one).collect()
}

fn shape(name: &str) -> Shape {
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match name {
        "up" => Shape::Up,
        "ALERTS" => Shape::Truth,
        _ if ends(&["_info", "_attached", "_successful"]) => Shape::Truth,
        _ if name.contains("ratio") => Shape::Share,
        _ if ends(&["_total", "_count", "_sum", "_bucket"]) => Shape::Counter,
        _ => Shape::Level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, labels: &[(&str, &[&str])]) -> Series {
        let one = |(name, values): &(&str, &[&str])| Label {
            name: (*name).to_owned(),
            values: values.iter().map(ToString::to_string).collect(),
        };
        Series { name: name.into(), recorded: true, labels: labels.iter().map(one).collect() }
    }

    #[test]
    fn a_series_has_each_set_of_labels_once() {
        let of_node = series("a", &[("instance", &[]), (CLUSTER, &[]), ("state", &["x", "y"])]);
        let of_workload = series("b", &[("job", &[]), ("workload", &[]), (CLUSTER, &[])]);
        let lines = lines(&[of_node, of_workload], 7);
        let texts: BTreeSet<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts.len(), lines.len());
        assert_eq!(lines.len(), 7 * 2 + WORKLOADS * CLUSTERS);
        let last = r#"a{instance="node-0006",cluster="cluster-1",state="y"}"#;
        assert!(texts.contains(last), "{texts:?}");
    }

    #[test]
    fn rates_of_buckets_are_cumulative_and_counters_grow() {
        let lines = lines(&[series("x_bucket:rate", &[("le", &["1", "+Inf"])])], 1);
        assert!(lines[0].value(600) < lines[1].value(600));
        let counter = &self::lines(&[series("x_total", &[("job", &[])])], 1)[0];
        assert!(counter.value(600) < counter.value(630));
    }
}
