//! The dashboards against schemas made from Grafana's own types: see `dashboards/schema/README.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::{Check, list, overridden, panels, text};

/// Checks against Grafana's types.
pub(crate) const CHECKS: &[Check] =
    &[("schema", whole), ("schema-of-panels", of_panels), ("units-are-grafanas", units)];

const KINDS: [&str; 5] = ["stat", "timeseries", "table", "heatmap", "state-timeline"];

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// A schema, for the whole or for one of its definitions.
fn validator(file: &str, of: Option<&str>) -> Validator {
    let mut schema: Value = serde_json::from_str(&read(&format!("{file}.json"))).unwrap();
    if let Some(part) = of {
        let at = &schema["definitions"]["Kind"]["properties"][part];
        assert!(at.is_object(), "{file} has no {part}");
        schema = json!({ "definitions": schema["definitions"], "allOf": [at] });
    }
    jsonschema::validator_for(&schema).unwrap()
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path))
        .collect()
}

fn whole(dashboard: &Value) -> Vec<String> {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| validator("dashboard", None));
    errors(&SCHEMA, &without_plugins(dashboard))
}

/// Without what Grafana reads and its package does not name: what the Prometheus data source adds
/// to annotations and variables, and the choice of a data source that nobody has made yet.
fn without_plugins(dashboard: &Value) -> Value {
    let mut dashboard = dashboard.clone();
    let mut remove = |path: &str, names: &[&str]| {
        for one in dashboard
            .pointer_mut(path)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            one.retain(|name, value| !names.contains(&name.as_str()) && *value != json!({}));
        }
    };
    remove("/annotations/list", &["expr", "step", "tagKeys", "titleFormat", "textFormat"]);
    remove("/templating/list", &["definition"]);
    dashboard
}

/// The options of each panel and what its kind adds to fields, the overridden ones in the place of
/// the defaults.
fn of_panels(dashboard: &Value) -> Vec<String> {
    type Kind = (&'static str, Validator, Option<Validator>);
    static SCHEMAS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        KINDS
            .iter()
            .map(|kind| {
                (
                    *kind,
                    validator(kind, Some("options")),
                    (*kind != "stat").then(|| validator(kind, Some("custom"))),
                )
            })
            .collect()
    });
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let title = text(&panel["title"]);
        let Some((_, options, custom)) = SCHEMAS.iter().find(|(kind, ..)| panel["type"] == *kind)
        else {
            wrong.push(format!("{title}: no schema for {}", panel["type"]));
            continue;
        };
        wrong.extend(
            errors(options, &panel["options"])
                .into_iter()
                .map(|why| format!("{title}: options: {why}")),
        );
        let defaults =
            panel["fieldConfig"]["defaults"]["custom"].as_object().cloned().unwrap_or_default();
        let Some(custom) = custom else {
            wrong.extend(
                (!defaults.is_empty())
                    .then(|| format!("{title}: this kind adds nothing to fields")),
            );
            continue;
        };
        let overridden = list(&panel["fieldConfig"]["overrides"])
            .iter()
            .map(|one| with_overrides(&defaults, one));
        for fields in std::iter::once(Value::Object(defaults.clone())).chain(overridden) {
            wrong.extend(
                errors(custom, &fields).into_iter().map(|why| format!("{title}: fields: {why}")),
            );
        }
    }
    wrong
}

fn with_overrides(defaults: &Map<String, Value>, one: &Value) -> Value {
    let mut fields = defaults.clone();
    for property in list(&one["properties"]) {
        if let Some(name) = text(&property["id"]).strip_prefix("custom.") {
            fields.insert(name.to_owned(), property["value"].clone());
        }
    }
    Value::Object(fields)
}

/// The words that stand after a rate: Grafana writes what follows `suffix:`, whatever it is.
const RATES: [&str; 7] =
    ["conn/s", "failures/s", "segments/s", "resets/s", "drops/s", "records/s", "/s"];

/// Whether a unit is such a word.
pub(crate) fn is_rate(unit: &str) -> bool {
    unit.strip_prefix("suffix:").is_some_and(|word| RATES.contains(&word))
}

fn units(dashboard: &Value) -> Vec<String> {
    static UNITS: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| read("units.txt").lines().map(str::to_owned).collect());
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let config = &panel["fieldConfig"];
        let overridden = overridden(config, "unit");
        let options = [
            &panel["options"]["yAxis"]["unit"],
            &panel["options"]["cellValues"]["unit"],
            &config["defaults"]["unit"],
        ];
        let all = overridden.chain(options).filter(|unit| !unit.is_null());
        let strange = all.filter(|unit| !UNITS.contains(text(unit)) && !is_rate(text(unit)));
        wrong.extend(strange.map(|unit| format!("{}: Grafana has no unit {unit}", panel["title"])));
    }
    wrong
}
