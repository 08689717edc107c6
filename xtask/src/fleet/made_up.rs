//! The series that the shipped recording rules write for a fleet, made up: for each rule every set
//! of labels that a fleet of this size has.
//!
//! What a rule groups by is read from the rule. Labels with a closed set of values have the sets
//! that the page of an agent has. There are more machines, workloads and ports than a panel may
//! draw, so that only a query that bounds its answer stays below.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

/// Workloads of the fleet, each of one process.
pub(super) const WORKLOADS: usize = 300;
/// Namespaces of workloads.
const NAMESPACES: usize = 20;
/// Destination ports, and those of them that are ports of a named destination.
const PORTS: usize = 300;
const DESTINATIONS: usize = 50;
/// Versions that run at the same time.
const VERSIONS: usize = 5;

/// A recording rule: the name of its series, and their labels.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) name: String,
    labels: Vec<String>,
    expr: String,
}

/// Reads the rule file of the recording rules.
///
/// # Errors
/// There is no rule, or one does not say its labels.
pub(super) fn records(file: &str) -> Result<Vec<Record>> {
    let rules: Vec<&str> = file.split("- record: ").skip(1).collect();
    ensure!(!rules.is_empty(), "the file has no recording rule");
    rules.into_iter().map(record).collect()
}

fn record(rule: &str) -> Result<Record> {
    let (name, rest) = rule.split_once('\n').context("a rule without a query")?;
    let lines = rest.lines().filter(|line| !line.trim_start().starts_with('#'));
    let expr = lines.collect::<Vec<_>>().join("\n");
    // A sum `without` keeps what the name says.
    let said = expr.split_once(" by (").and_then(|(_, by)| by.split_once(')'));
    let is_of_a_machine = name.split(':').nth(1) == Some("instance");
    ensure!(said.is_some() || is_of_a_machine, "{name}: it does not say its labels");
    let labels = said.map_or("job, instance", |(labels, _)| labels);
    let labels = labels.split(',').map(|label| label.trim().to_owned()).collect();
    Ok(Record { name: name.to_owned(), labels, expr })
}

/// Returns the alerts of a rule file.
pub(super) fn alerts(file: &str) -> Vec<String> {
    let names = file.split("- alert: ").skip(1).filter_map(|rule| rule.lines().next());
    names.filter(|name| name.starts_with("Tcp")).map(str::to_owned).collect()
}

/// Adds each series of a rule for so many machines, as `NAME{LABELS} `.
///
/// # Errors
/// The page has nothing that says the values of a label.
pub(super) fn series(
    record: &Record,
    nodes: usize,
    page: &str,
    alerts: &[String],
    all: &mut Vec<String>,
) -> Result<()> {
    let mut texts = vec![String::new()];
    let mut closed = Vec::new();
    for label in &record.labels {
        let each = |count: usize, value: &dyn Fn(usize) -> String| -> Vec<String> {
            (0..count).map(|one| format!("{label}=\"{}\",", value(one))).collect()
        };
        let values = match label.as_str() {
            "job" => each(1, &|_| "tcpwarden".to_owned()),
            "instance" => each(nodes, &|one| format!("node-{one:04}")),
            "workload" => (0..WORKLOADS).map(|one| workload(record, one)).collect(),
            "port" => (0..PORTS).map(|one| port(record, one)).collect(),
            "version" => each(VERSIONS, &|one| format!("0.1.{one}")),
            "alertname" => each(alerts.len(), &|one| alerts[one].clone()),
            // They go with the workload or the port.
            "namespace" | "process" | "destination" => continue,
            _ => {
                closed.push(label.as_str());
                continue;
            }
        };
        texts = with(&texts, &values);
    }
    if !closed.is_empty() {
        texts = with(&texts, &of_page(record, &closed, page)?);
    }
    let whole = |labels: &String| format!("{}{{{}}} ", record.name, labels.trim_end_matches(','));
    all.extend(texts.iter().map(whole));
    Ok(())
}

fn with(texts: &[String], values: &[String]) -> Vec<String> {
    texts.iter().flat_map(|text| values.iter().map(move |value| format!("{text}{value}"))).collect()
}

fn has(record: &Record, label: &str) -> bool {
    record.labels.iter().any(|one| one == label)
}

fn workload(record: &Record, one: usize) -> String {
    let mut text = format!("workload=\"app-{one}.service\",");
    if has(record, "process") {
        let _ = write!(text, "process=\"app-{one}\",");
    }
    if has(record, "namespace") {
        let _ = write!(text, "namespace=\"namespace-{}\",", one % NAMESPACES);
    }
    text
}

fn port(record: &Record, one: usize) -> String {
    let named = has(record, "destination") && one < DESTINATIONS;
    let destination = if named { format!("destination=\"db-{one}\",") } else { String::new() };
    format!("port=\"{}\",{destination}", 5000 + one)
}

/// The sets of values that some labels have in the page of an agent, on the first metric of the
/// rule's query.
fn of_page(record: &Record, labels: &[&str], page: &str) -> Result<Vec<String>> {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut words = record.expr.split(|letter| !is_of_a_name(letter));
    let metric = words
        .find(|word| word.starts_with("tcpwarden_"))
        .with_context(|| format!("{}: it reads no metric of an agent", record.name))?;
    let lines = page.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    let one = |line: &str| -> Option<String> {
        let (all, _) = line.rsplit_once('}')?;
        let value = |label: &&str| {
            let pair = all.split(',').find(|pair| pair.split('=').next() == Some(*label))?;
            Some(format!("{pair},"))
        };
        labels.iter().map(value).collect()
    };
    let sets: BTreeSet<String> = lines.filter_map(one).collect();
    ensure!(!sets.is_empty(), "{}: the page has no {metric} with {labels:?}", record.name);
    Ok(sets.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "a 1\ntcpwarden_x{process=\"p\",state=\"one\",min_age=\"30\"} 1\n\
                        tcpwarden_x{process=\"q\",state=\"one\",min_age=\"30\"} 1\n\
                        tcpwarden_x{process=\"p\",state=\"two\",min_age=\"60\"} 1\n";

    fn of(rule: &str) -> Vec<String> {
        let records = records(rule).unwrap();
        let mut all = Vec::new();
        let alerts = ["TcpA".to_owned(), "TcpB".to_owned()];
        series(&records[0], 7, PAGE, &alerts, &mut all).unwrap();
        let texts: BTreeSet<_> = all.iter().collect();
        assert_eq!(texts.len(), all.len(), "each set of labels once");
        all
    }

    #[test]
    fn a_rule_has_each_set_of_labels_once() {
        let of_nodes =
            of("- record: t:instance:x:sum\n  expr: |-\n    sum by (job, instance, state, \
                           min_age) (tcpwarden_x)\n");
        assert_eq!(of_nodes.len(), 7 * 2);
        let first = "t:instance:x:sum{job=\"tcpwarden\",instance=\"node-0000\",state=\"one\",\
                     min_age=\"30\"} ";
        assert_eq!(of_nodes[0], first);
        assert_eq!(
            of("- record: t:instance:r:rate\n  expr: |-\n    sum without (a) (b)\n").len(),
            7
        );
        let alerts =
            of("- record: t:p\n  expr: count by (job, workload, process, alertname) (x)\n");
        assert_eq!(alerts.len(), WORKLOADS * 2);
        assert_eq!(of("- record: t:p\n  expr: sum by (port, destination) (x)\n").len(), PORTS);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(records("groups: []").is_err());
        assert!(records("- record: t:job:r:rate\n  expr: sum without (a) (b)\n").is_err());
        let unknown = records("- record: t:x\n  expr: sum by (nothing) (tcpwarden_x)\n").unwrap();
        assert!(series(&unknown[0], 1, PAGE, &[], &mut Vec::new()).is_err());
    }

    #[test]
    fn every_shipped_rule_is_read() {
        let read = |file: &str| crate::fleet::read(&crate::workspace::root().join(file)).unwrap();
        let file = read(crate::fleet::RECORDING);
        let records = records(&file).unwrap();
        assert_eq!(records.len(), file.matches("record:").count());
        assert!(records.iter().all(|record| has(record, "job")), "{records:?}");
        assert!(alerts(&read(crate::fleet::ALERTS)).contains(&"TcpCloseWaitStuck".to_owned()));
    }
}
