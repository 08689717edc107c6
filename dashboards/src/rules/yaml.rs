//! The rule files as text. They are read by people, so they are written by hand: expressions stand as blocks, texts
//! in double quotes, which YAML reads as JSON does.

use std::fmt::Write as _;

use super::records::{self, Record};
use super::{Alert, promql};
use crate::timing::Timing;

const ALERTS: &str = "\
# Alerts for tcpwarden. Written by `cargo xtask dashboards`; do not edit.
#
# For Prometheus 2.42 or later (keep_firing_for) and what reads its rule files. The alerts need none of the recording
# rules. `TcpwardenDown` finds agents by the job's name, which must have `tcpwarden` in it; no other alert looks at it.
# runbook_url is a path in the project's repository; `cargo xtask dashboards --runbooks URL` puts an address before it.
groups:
";

const RECORDS: &str = "\
# Recording rules for tcpwarden: what a panel over many nodes would otherwise read thousands of series for.
# Written by `cargo xtask dashboards`; do not edit.
groups:
";

/// The file of the alerts.
pub(super) fn alerts(timing: &Timing, runbooks: &str) -> String {
    let mut text = ALERTS.to_owned();
    let mut group = "";
    for alert in super::all() {
        if alert.group != group {
            group = alert.group;
            let _ = write!(text, "  - name: {group}\n    interval: {}s\n    rules:\n", timing.interval.as_secs());
        }
        text.push_str(&one(alert, timing, runbooks));
    }
    text
}

fn one(alert: &Alert, timing: &Timing, runbooks: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "      - alert: {}", alert.name);
    text.push_str(&block(&(alert.expr)(timing)));
    let _ = writeln!(text, "        for: {}", timing.span(alert.hold));
    let _ = writeln!(text, "        keep_firing_for: {}", timing.span(alert.keep));
    let _ = write!(text, "        labels:\n          severity: {}\n", alert.severity.as_str());
    text.push_str("        annotations:\n");
    let url = format!("{runbooks}{}.md", alert.name);
    let description = alert.describe(timing);
    for (key, value) in [("summary", alert.summary), ("description", &description), ("runbook_url", &url), ("dashboard_uid", alert.board)] {
        let _ = writeln!(text, "          {key}: {}", quoted(value));
    }
    text
}

/// The file of the recording rules.
pub(super) fn records(timing: &Timing) -> String {
    let mut text = RECORDS.to_owned();
    let _ = write!(text, "  - name: tcpwarden-recording\n    interval: {}s\n    rules:\n", timing.interval.as_secs());
    for Record { name, about, expr, .. } in records::all() {
        let _ = writeln!(text, "      # {about}\n      - record: {name}");
        text.push_str(&block(&expr(timing)));
    }
    text
}

/// An expression, as a block that keeps its lines.
fn block(expr: &str) -> String {
    format!("        expr: |-\n{}\n", promql::indent(&promql::indent(&promql::indent(&promql::indent(&promql::indent(expr))))))
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
