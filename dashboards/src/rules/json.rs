//! The rules as JSON, for a mixin. The same as the files that [`yaml`](super::yaml) writes.

use serde_json::{Value, json};

use super::records;
use crate::alert::Alert;
use crate::runbooks;
use crate::timing::Timing;

/// The groups of the alerts.
pub(super) fn alerts(timing: &Timing) -> Value {
    let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
    for alert in super::all().iter().filter(|alert| !alert.is_disabled(timing)) {
        match groups.last_mut() {
            Some((name, rules)) if *name == alert.group => rules.push(one(alert, timing)),
            _ => groups.push((alert.group, vec![one(alert, timing)])),
        }
    }
    groups.into_iter().map(|(name, rules)| group(name, &rules, timing)).collect()
}

/// The group of the recording rules, in a list.
pub(super) fn records(timing: &Timing) -> Value {
    let rules: Vec<Value> = records::all()
        .iter()
        .map(|one| json!({ "record": one.name, "expr": one.expression(timing) }))
        .collect();
    json!([group("tcpwarden-recording", &rules, timing)])
}

fn group(name: &str, rules: &[Value], timing: &Timing) -> Value {
    json!({ "name": name, "interval": format!("{}s", timing.interval.as_secs()), "rules": rules })
}

fn one(alert: &Alert, timing: &Timing) -> Value {
    let mut annotations = json!({
        "summary": alert.summary,
        "description": alert.describe(timing),
        "dashboard_uid": alert.board,
    });
    match timing.runbook_base_url() {
        Some(url) => annotations["runbook_url"] = json!(format!("{url}/{}.md", alert.name)),
        None => annotations["runbook"] = json!(runbooks::annotation(alert, timing)),
    }
    json!({
        "alert": alert.name,
        "expr": alert.expression(timing),
        "for": timing.span(alert.hold_at(timing)),
        "keep_firing_for": timing.span(alert.keep),
        "labels": { "severity": alert.severity_at(timing).as_str() },
        "annotations": annotations,
    })
}
