//! Rules and boards in the forms that people install: files of Prometheus and Grafana, objects of
//! Kubernetes, a mixin.
//!
//! `tcpwarden rules` and `tcpwarden dashboards` write them. The path of a [`File`] is its name
//! here.

use std::fmt::Write as _;

use serde_json::Value;

use crate::options::Options;
use crate::timing::{PRODUCTION, Timing};
use crate::{File, boards, rules};

/// What a mixin says of itself.
const MIXIN: &str = "\
// Rules and dashboards of tcpwarden. Written by `tcpwarden rules --format mixin`; do not edit.
";

/// The rule files of Prometheus.
#[must_use]
pub fn prometheus(options: &Options) -> Vec<File> {
    named(rules::files(&timing(options)))
}

/// All rules in one file of Prometheus.
#[must_use]
pub fn prometheus_in_one(options: &Options) -> String {
    const GROUPS: &str = "groups:\n";
    let files = rules::files(&timing(options));
    let mut all = String::new();
    for File { text, .. } in &files {
        let (_, groups) = text.split_once(GROUPS).unwrap_or_default();
        all.push_str(if all.is_empty() { text } else { groups });
    }
    all
}

/// A PrometheusRule of each rule file.
#[must_use]
pub fn kubernetes(options: &Options) -> Vec<File> {
    let object = |file: File| {
        let stem = file.path.trim_end_matches(".yml");
        let mut text = object("monitoring.coreos.com/v1", "PrometheusRule", stem, "");
        let _ = write!(text, "spec:\n{}", indented(&file.text, "  "));
        File { path: format!("{stem}.yaml"), text }
    };
    prometheus(options).into_iter().map(object).collect()
}

/// A mixin: rules and boards as the members that jsonnet libraries look for.
#[must_use]
pub fn mixin(options: &Options) -> File {
    let timing = timing(options);
    let mut text = format!("{MIXIN}{{\n  grafanaDashboards+:: {{\n");
    for File { path, text: board } in json(options) {
        let _ = writeln!(text, "    {}: {},", Value::from(path), board.trim_end());
    }
    text.push_str("  },\n");
    for (member, groups) in [
        ("prometheusAlerts", rules::alert_groups(&timing)),
        ("prometheusRules", rules::record_groups(&timing)),
    ] {
        let _ = write!(text, "  {member}+:: {{\n    groups+: {groups:#},\n  }},\n");
    }
    text.push_str("}\n");
    File { path: "mixin.libsonnet".to_owned(), text }
}

/// The boards, to import into Grafana.
#[must_use]
pub fn json(options: &Options) -> Vec<File> {
    named(boards::files_with(options))
}

/// A ConfigMap of each board, with the label that the sidecar of Grafana's chart looks for.
#[must_use]
pub fn config_maps(options: &Options) -> Vec<File> {
    let object = |file: File| {
        let stem = file.path.trim_end_matches(".json");
        let label = "    grafana_dashboard: \"1\"\n";
        let mut text = object("v1", "ConfigMap", &format!("{stem}-dashboard"), label);
        let _ = write!(text, "data:\n  {}: |\n{}", file.path, indented(&file.text, "    "));
        File { path: format!("{stem}.yaml"), text }
    };
    json(options).into_iter().map(object).collect()
}

fn timing(options: &Options) -> Timing {
    PRODUCTION.with(options.clone())
}

/// The same files by their names only.
fn named(files: Vec<File>) -> Vec<File> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    files.into_iter().map(|file| File { path: name(&file.path), text: file.text }).collect()
}

/// The head of an object of Kubernetes.
fn object(version: &str, kind: &str, name: &str, labels: &str) -> String {
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  labels:\n    \
         app.kubernetes.io/name: tcpwarden\n{labels}"
    )
}

/// The lines of a text, deeper.
fn indented(text: &str, by: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        if !line.is_empty() {
            all.push_str(by);
            all.push_str(line);
        }
        all.push('\n');
        all
    })
}
