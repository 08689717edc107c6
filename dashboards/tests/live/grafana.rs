//! What Grafana makes of a query before it asks Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use dashboards::rules::records;
use dashboards::timing;

/// Between two points of a picture.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// `expr` with every variable replaced: all jobs and instances, every value of the drill-down ones.
pub(crate) fn interpolate(expr: &str, range: Duration) -> String {
    let mut text = String::new();
    let mut rest = expr;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let (name, tail) = variable(after);
        text.push_str(&value(name, range));
        rest = tail;
    }
    text + rest
}

/// The name of a variable at the beginning of a text, and what follows it: `name`, `{name}` or
/// `{name:format}`.
fn variable(text: &str) -> (&str, &str) {
    if let Some((inner, tail)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        return (inner.split(':').next().unwrap_or(inner), tail);
    }
    let end = text
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn value(name: &str, range: Duration) -> String {
    let scrape = timing::LIVE.scrape;
    match name {
        "__rate_interval" => format!("{}s", (STEP + scrape).max(4 * scrape).as_secs()),
        "__interval" => format!("{}s", STEP.as_secs()),
        "__range" => format!("{}s", range.as_secs().max(1)),
        "__range_s" => range.as_secs().max(1).to_string(),
        // `allValue` of the variables of these dashboards.
        "namespace" => ".*".to_owned(),
        _ => ".+".to_owned(),
    }
}

/// `expr` with every selector limited to these processes where its series name one.
pub(crate) fn of_processes(expr: &str, processes: &[&str]) -> String {
    let known = with_process();
    let matcher = format!("process=~\"{}\"", processes.join("|"));
    let mut text = String::new();
    for (number, part) in expr.split('"').enumerate() {
        if number > 0 {
            text.push('"');
        }
        // Every second part is the value of a matcher.
        if number % 2 == 1 {
            text.push_str(part);
            continue;
        }
        let mut rest = part;
        while let Some(begin) = rest.find(is_of_a_name) {
            let (before, word) = rest.split_at(begin);
            let end = word.find(|letter| !is_of_a_name(letter)).unwrap_or(word.len());
            let (word, tail) = word.split_at(end);
            text.push_str(before);
            text.push_str(word);
            rest = tail;
            if known.contains(word) {
                rest = tail.strip_prefix('{').unwrap_or(tail);
                let end = if rest.len() < tail.len() { "," } else { "}" };
                text.extend(["{", &matcher, end]);
            }
        }
        text.push_str(rest);
    }
    text
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// The series that have the label `process`: of the agent, of the recording rules, and alerts.
fn with_process() -> BTreeSet<String> {
    let metrics = catalogue::metrics::all().filter(|metric| metric.labels.contains(&"process"));
    let recorded = records::all().iter().filter(|record| record.labels.contains(&"process"));
    metrics
        .flat_map(catalogue::metrics::Metric::series_names)
        .chain(recorded.map(|record| record.name.to_owned()))
        .chain(["ALERTS", "ALERTS_FOR_STATE"].map(str::to_owned))
        .collect()
}
