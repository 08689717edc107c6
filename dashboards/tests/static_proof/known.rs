//! What there is to ask for: the series of the catalogue, of the recording rules and of Prometheus
//! itself, their labels, and the values of those that have a closed set.

use std::collections::BTreeSet;

use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{
    CloseReason, ConnectFailure, Correction, Phase, RetransmitError, RetransmitKind, Role,
    SocketState, Stage,
};
use catalogue::metrics::{Kind, Metric, all};

/// Labels that Prometheus adds to every series.
const TARGET: [&str; 2] = ["job", "instance"];
/// What Prometheus itself makes, with its labels besides those of the target. `ALERTS` and
/// `ALERTS_FOR_STATE` have those of the alert too.
const OWN: [(&str, &[&str]); 6] = [
    ("up", &[]),
    ("scrape_samples_scraped", &[]),
    ("scrape_duration_seconds", &[]),
    // An operator's own limit, if there is one: see dashboards/examples/limits.yml.
    ("tcp_retransmit_ratio_limit", &[]),
    ("ALERTS", &["alertname", "alertstate", "severity", "process", "workload", "port"]),
    ("ALERTS_FOR_STATE", &["alertname", "severity", "process", "workload", "port"]),
];
/// The settings that `tcpwarden_sysctl` shows.
const SETTINGS: [&str; 10] = [
    "somaxconn",
    "tcp_max_syn_backlog",
    "ip_local_port_range_low",
    "ip_local_port_range_high",
    "tcp_tw_reuse",
    "tcp_fin_timeout",
    "tcp_rmem_max",
    "tcp_wmem_max",
    "tcp_max_tw_buckets",
    "tcp_max_orphans",
];

/// The metric of the catalogue behind the name of a series.
pub(crate) fn metric(series: &str) -> Option<&'static Metric> {
    all().find(|metric| metric.series_names().iter().any(|name| name == series))
}

/// Whether there is a series of this name.
pub(crate) fn exists(series: &str) -> bool {
    metric(series).is_some()
        || recorded(series).is_some()
        || OWN.iter().any(|(name, _)| *name == series)
}

fn recorded(series: &str) -> Option<&'static [&'static str]> {
    dashboards::rules::records::all()
        .iter()
        .find(|record| record.name == series)
        .map(|record| record.labels)
}

/// Whether a series is what a recording rule has added up over machines.
pub(crate) fn is_of_all_machines(series: &str) -> bool {
    recorded(series).is_some_and(|labels| !labels.contains(&"instance"))
}

/// The labels of a series; none where there is no such series.
pub(crate) fn labels(series: &str) -> BTreeSet<String> {
    if let Some(labels) = recorded(series) {
        return labels.iter().map(|label| (*label).to_owned()).collect();
    }
    let own = OWN.iter().find(|(name, _)| *name == series).map(|(_, labels)| *labels);
    let Some(labels) = own.or_else(|| metric(series).map(|metric| metric.labels)) else {
        return BTreeSet::new();
    };
    let bucket = series.ends_with("_bucket").then_some("le");
    labels.iter().chain(&TARGET).copied().chain(bucket).map(str::to_owned).collect()
}

/// Whether a series counts, so that it says something in a rate only.
pub(crate) fn counts(series: &str) -> bool {
    metric(series).is_some_and(|metric| metric.kind != Kind::Gauge)
}

/// The values that a label of a series can have; none where they are not known before.
pub(crate) fn values(series: &str, label: &str) -> Option<Vec<String>> {
    let name = metric(series).map_or(series, |metric| metric.name);
    let texts: Vec<&str> = match (label, name) {
        ("le", _) => return Some(bounds(name)),
        ("state", "tcpwarden_probe_info") => vec!["attached", "unsupported", "failed"],
        (
            "state",
            "tcpwarden_connections_oldest_state_age_seconds" | "tcpwarden_connections_stuck",
        ) => SocketState::ALL
            .iter()
            .filter(|state| state.can_leak())
            .map(|state| state.as_str())
            .collect(),
        ("state", _) => SocketState::ALL.iter().map(|state| state.as_str()).collect(),
        ("role", _) => Role::ALL.iter().map(|role| role.as_str()).collect(),
        ("phase", _) => Phase::ALL.iter().map(|phase| phase.as_str()).collect(),
        ("stage", _) => Stage::ALL.iter().map(|stage| stage.as_str()).collect(),
        ("error", _) => RetransmitError::ALL.iter().map(|error| error.as_str()).collect(),
        ("reason", "tcpwarden_connections_closed_total") => {
            CloseReason::ALL.iter().map(|reason| reason.as_str()).collect()
        }
        ("reason", "tcpwarden_connect_failures_total") => {
            ConnectFailure::ALL.iter().map(|reason| reason.as_str()).collect()
        }
        ("kind", "tcpwarden_retransmitted_segments_total") => {
            RetransmitKind::ALL.iter().map(|kind| kind.as_str()).collect()
        }
        ("kind", "tcpwarden_reconcile_corrections_total") => {
            Correction::ALL.iter().map(|kind| kind.as_str()).collect()
        }
        ("kind", "tcpwarden_ephemeral_ports") => vec!["used", "range"],
        ("kind", "tcpwarden_tcp_memory_bytes") => vec!["used", "low", "pressure", "limit"],
        ("min_age" | "min_idle", _) => vec!["60", "300", "3600"],
        ("ring", _) => vec!["state", "retransmit"],
        ("event", _) => vec!["transition", "retransmit"],
        ("name", "tcpwarden_sysctl") => SETTINGS.to_vec(),
        ("alertstate", _) => vec!["pending", "firing"],
        _ => return None,
    };
    Some(texts.into_iter().map(str::to_owned).collect())
}

/// The bounds of a histogram as Prometheus shows them.
fn bounds(name: &str) -> Vec<String> {
    let bounds = if name.ends_with("_bytes") { BYTES } else { SECONDS };
    bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]).collect()
}
