//! The rule files as text. They are read by people, so they are written by hand: expressions and
//! descriptions stand as blocks, other texts in double quotes, which YAML reads as JSON does.

use std::fmt::Write as _;

use super::records::{self, Record};
use crate::alert::Alert;
use crate::runbooks;
use crate::timing::Timing;

/// Of a line of a description, in bytes.
const WIDTH: usize = 118;

const ALERTS: &str = "\
# Alerts for tcpwarden. Written by `tcpwarden rules`; do not edit.
#
# For Prometheus 2.42 or later (keep_firing_for) and what reads its rule files. The alerts need \
none of the recording
";

/// Behind [`ALERTS`], where the selector says which jobs are agents.
const CHOSEN: &str = "\
# rules. All look only at what the selector of the site chooses, `TcpwardenDown` at its jobs too.
";

/// Behind [`ALERTS`], where it does not.
const NAMED: &str = "\
# rules. `TcpwardenDown` finds agents by the job's name, which must have `tcpwarden` in it; no \
other alert looks at it.
";

/// The end of the head.
const GROUPS: &str = "\
# Limits, severities, times, matchers and the address of the runbooks: `tcpwarden rules --config \
FILE`, docs/rules.md.
groups:
";

const RECORDS: &str = "\
# Recording rules for tcpwarden: what a panel over many nodes would otherwise read thousands of \
series for.
# Written by `tcpwarden rules`; do not edit.
groups:
";

/// A file of these alerts.
pub(super) fn alerts(alerts: &[Alert], timing: &Timing) -> String {
    let finds = if timing.names_job() { CHOSEN } else { NAMED };
    let mut text = [ALERTS, finds, GROUPS].concat();
    let mut group = "";
    for alert in alerts.iter().filter(|alert| !alert.is_disabled(timing)) {
        if alert.group != group {
            group = alert.group;
            let _ = write!(
                text,
                "  - name: {group}\n    interval: {}s\n    rules:\n",
                timing.interval.as_secs()
            );
        }
        text.push_str(&one(alert, timing));
    }
    text
}

fn one(alert: &Alert, timing: &Timing) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "      - alert: {}", alert.name);
    let _ = writeln!(text, "        expr: |-\n{}", indented(&alert.expression(timing)));
    let _ = writeln!(text, "        for: {}", timing.span(alert.hold_at(timing)));
    let _ = writeln!(text, "        keep_firing_for: {}", timing.span(alert.keep));
    let _ = write!(
        text,
        "        labels:\n          severity: {}\n",
        alert.severity_at(timing).as_str()
    );
    let _ = writeln!(text, "        annotations:\n          summary: {}", quoted(alert.summary));
    let _ = writeln!(text, "          description: {}", description(&alert.describe(timing)));
    if let Some(url) = timing.runbook_base_url() {
        let url = quoted(&format!("{url}/{}.md", alert.name));
        let _ = writeln!(text, "          runbook_url: {url}");
    } else {
        let prose = indented(&runbooks::annotation(alert, timing));
        let _ = writeln!(text, "          runbook: |-\n{prose}");
    }
    let _ = writeln!(text, "          dashboard_uid: {}", alert.board);
    text
}

/// The file of the recording rules.
pub(super) fn records(timing: &Timing) -> String {
    let mut text = RECORDS.to_owned();
    let _ = write!(
        text,
        "  - name: tcpwarden-recording\n    interval: {}s\n    rules:\n",
        timing.interval.as_secs()
    );
    for record in records::all() {
        let Record { name, about, .. } = record;
        let _ = write!(
            text,
            "      # {about}\n      - record: {name}\n        expr: |-\n{}\n",
            indented(&record.expression(timing))
        );
    }
    text
}

/// The lines of a block, deeper than any key.
fn indented(block: &str) -> String {
    let deeper =
        |line: &str| if line.is_empty() { String::new() } else { format!("            {line}") };
    block.lines().map(deeper).collect::<Vec<_>>().join("\n")
}

/// A description: a block of lines, or one line in quotes where YAML would eat spaces of a block.
fn description(text: &str) -> String {
    if text.contains("  ") || text.starts_with(' ') || text.ends_with(' ') {
        quoted(text)
    } else {
        format!(">-\n{}", indented(&wrapped(text)))
    }
}

/// A text in lines, broken where it has a space: YAML puts that space back.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::timing::PRODUCTION;

    #[test]
    fn spaces_that_yaml_would_eat_stand_in_quotes() {
        assert_eq!(description("a b"), ">-\n            a b");
        for text in ["a  b", " a", "a "] {
            assert_eq!(description(text), format!("\"{text}\""));
        }
    }

    #[test]
    fn the_head_says_how_agents_are_found() {
        let head = |selector: &str| {
            let mut options = Options::default();
            options.set_selector(selector).unwrap();
            alerts(&[], &PRODUCTION.with(options))
        };
        for selector in ["", "job!=\"x\""] {
            assert!(head(selector).contains("which must have `tcpwarden` in it"), "{selector}");
        }
        assert!(!head("job=\"x\"").contains("must have"));
    }
}
