//! What the files are made of, as JSON: for a program that plays a fleet.
//!
//! It has the boards with their queries, the rules, and each series that a query can read with its
//! labels and their values. So a fleet is made up from what the rules are, not from a copy of it.

use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{
    CloseReason, ConnectFailure, Phase, RetransmitKind, Role, SocketState, Stage,
};
use catalogue::limits::{IDLE_AGES, STUCK_AGES};
use catalogue::metrics::{Kind, Metric};
use serde_json::{Map, Value, json};

use crate::boards;
use crate::options::Options;
use crate::rules::{self, records};
use crate::timing::PRODUCTION;

/// Returns the inventory of a site that tells its clusters apart by the label `cluster`.
///
/// # Errors
/// `cluster` is no name of a label, or one that the agent's metrics have.
pub fn inventory(cluster: &str) -> Result<Value, String> {
    let mut options = Options::default();
    options.set_cluster_label(cluster)?;
    let boards: Vec<Value> = boards::all_with(&options).iter().map(board).collect();
    let timing = PRODUCTION.with(options);
    let files: Vec<Value> = rules::files(&timing)
        .iter()
        .map(|file| json!({ "path": file.path, "text": file.text }))
        .collect();
    let recorded = records::all().iter().map(|record| {
        let labels: Vec<&str> = record.labels.iter().copied().chain([cluster]).collect();
        series(record.name, &labels, true)
    });
    let own = catalogue::metrics::all().flat_map(|metric| {
        let labels = [&["job", "instance", cluster], metric.labels].concat();
        of_metric(metric, &labels)
    });
    Ok(json!({
        "boards": boards,
        "rules": files,
        "series": recorded.chain(own).collect::<Vec<_>>(),
        "alerts": rules::all().iter().map(|alert| alert.name).collect::<Vec<_>>(),
        "interval": timing.interval.as_secs(),
        "scrape": timing.scrape.as_secs(),
    }))
}

fn board(board: &boards::Board) -> Value {
    let queries: Vec<Value> = board
        .queries
        .iter()
        .map(|one| json!({ "panel": one.panel, "expr": one.expr, "instant": one.instant }))
        .collect();
    let variables = board.json["templating"]["list"].as_array().into_iter().flatten();
    let all: Map<String, Value> = variables
        .filter(|one| one["allValue"].is_string())
        .filter_map(|one| Some((one["name"].as_str()?.to_owned(), one["allValue"].clone())))
        .collect();
    json!({ "uid": board.uid, "title": board.json["title"], "all": all, "queries": queries })
}

/// Returns the series of a metric; the buckets of a histogram have a label more.
fn of_metric(metric: &Metric, labels: &[&str]) -> Vec<Value> {
    let one = |name: String| {
        let is_buckets = metric.kind == Kind::Histogram && name.ends_with("_bucket");
        let labels = [labels, if is_buckets { &["le"] } else { &[] }].concat();
        series(&name, &labels, false)
    };
    metric.series_names().into_iter().map(one).collect()
}

/// Returns a series: labels that have a closed set of values with these, others with none.
fn series(name: &str, labels: &[&str], is_recorded: bool) -> Value {
    let labels: Vec<Value> = labels
        .iter()
        .map(|label| json!({ "name": label, "values": values(name, label) }))
        .collect();
    json!({ "name": name, "recorded": is_recorded, "labels": labels })
}

/// Returns the values of a label of a series, where the agent has a closed set of them.
fn values(series: &str, label: &str) -> Vec<String> {
    let numbers = |all: &[u64]| all.iter().map(u64::to_string).collect();
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    match label {
        "state" if series.contains("probe") => texts(&["attached"]),
        "state" => SocketState::ALL.iter().map(|one| one.as_str().to_owned()).collect(),
        "role" => Role::ALL.iter().map(|one| one.as_str().to_owned()).collect(),
        "stage" => Stage::ALL.iter().map(|one| one.as_str().to_owned()).collect(),
        "phase" => Phase::ALL.iter().map(|one| one.as_str().to_owned()).collect(),
        "kind" if series.contains("retransmitted") => {
            RetransmitKind::ALL.iter().map(|one| one.as_str().to_owned()).collect()
        }
        "reason" if series.contains("connect_failures") => {
            ConnectFailure::ALL.iter().map(|one| one.as_str().to_owned()).collect()
        }
        "reason" if series.contains("closed") => {
            CloseReason::ALL.iter().map(|one| one.as_str().to_owned()).collect()
        }
        "alertname" => rules::all().iter().map(|alert| alert.name.to_owned()).collect(),
        "min_age" => numbers(&STUCK_AGES),
        "min_idle" => numbers(&IDLE_AGES),
        "le" => bounds(if series.contains("bytes") { BYTES } else { SECONDS }),
        _ => Vec::new(),
    }
}

fn bounds(all: &[f64]) -> Vec<String> {
    all.iter().map(f64::to_string).chain(["+Inf".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_rule_and_series_is_in_the_inventory() {
        let all = inventory("cluster").unwrap();
        let of = |name: &str| all[name].as_array().unwrap().len();
        assert_eq!(of("boards"), boards::all().len());
        assert_eq!(of("rules"), 2);
        let names: usize = catalogue::metrics::all().map(|one| one.series_names().len()).sum();
        assert_eq!(of("series"), records::all().len() + names);
        assert!(all["boards"][0]["queries"][0]["expr"].as_str().unwrap().contains("$cluster"));
        let bucket = all["series"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == "tcpwarden:job_le:connect_duration_seconds_bucket:rate");
        let labels = bucket.unwrap()["labels"].as_array().unwrap();
        let names: Vec<_> = labels.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["job", "le", "cluster"]);
        assert_eq!(labels[1]["values"].as_array().unwrap().len(), SECONDS.len() + 1);
        assert!(inventory("job").is_err());
    }
}
