//! The queries of a shipped board, as Grafana asks them with All chosen for every variable.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::SCRAPE;

/// The points of a picture.
const POINTS: u32 = 300;

/// A query of a panel.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) panel: String,
    /// What Prometheus is asked, without variables.
    pub(super) expr: String,
    /// Whether it is asked for now only.
    pub(super) instant: bool,
}

/// The time between two points of a picture of so much of the past.
pub(super) fn step(range: Duration) -> Duration {
    range / POINTS
}

/// Reads a board that shows so much of the past: its title, and the queries in their order.
///
/// # Errors
/// It is no board, or has no query.
pub(super) fn read(text: &str, range: Duration) -> Result<(String, Vec<Query>)> {
    let json: Value = serde_json::from_str(text).context("read the board")?;
    let title = json["title"].as_str().context("a board without a title")?.to_owned();
    let variables = json["templating"]["list"].as_array().into_iter().flatten();
    let mut all: BTreeMap<&str, String> = variables
        .filter_map(|one| Some((one["name"].as_str()?, one["allValue"].as_str()?.to_owned())))
        .collect();
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    all.insert("__interval", seconds(step(range)));
    all.insert("__rate_interval", seconds((step(range) + SCRAPE).max(4 * SCRAPE)));
    all.insert("__range", seconds(range));
    let mut queries = Vec::new();
    of_panels(&json["panels"], &all, &mut queries)?;
    ensure!(!queries.is_empty(), "the board {title} has no query");
    Ok((title, queries))
}

/// Adds the queries of panels, those of closed sections too.
fn of_panels(panels: &Value, all: &BTreeMap<&str, String>, queries: &mut Vec<Query>) -> Result<()> {
    for panel in panels.as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let panel = panel["title"].as_str().context("a panel without a title")?.to_owned();
            let expr = target["expr"].as_str().with_context(|| format!("{panel}: no query"))?;
            let instant = target["instant"].as_bool().unwrap_or(false);
            queries.push(Query { panel, expr: interpolate(expr, all)?, instant });
        }
        of_panels(&panel["panels"], all, queries)?;
    }
    Ok(())
}

/// Returns `expr` with every variable replaced: `$name`, `${name}` or `${name:format}`.
fn interpolate(expr: &str, all: &BTreeMap<&str, String>) -> Result<String> {
    let is_end = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    let mut parts = expr.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = match part.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, rest)) => (inner.split(':').next().unwrap_or(inner), rest),
            None => part.split_at(part.find(is_end).unwrap_or(part.len())),
        };
        let value = all.get(name).with_context(|| format!("no value for ${name} in {expr}"))?;
        text.extend([value, rest]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_all_and_windows_those_of_the_picture() {
        let text = r#"{"title": "T", "templating": {"list": [
            {"name": "job", "allValue": ".+"}, {"name": "x", "allValue": ".*"}]},
            "panels": [{"title": "row", "panels": [{"title": "p", "targets": [{"instant": true,
            "expr": "rate(a{job=~\"$job\", x=~\"${x:regex}\"}[$__rate_interval]) + b[$__range]"
            }]}]}]}"#;
        let (title, queries) = read(text, Duration::from_hours(6)).unwrap();
        let expr = r#"rate(a{job=~".+", x=~".*"}[87s]) + b[21600s]"#.to_owned();
        assert_eq!(
            (title.as_str(), &queries[..]),
            ("T", &[Query { panel: "p".into(), expr, instant: true }][..],)
        );
        let error = read(&text.replace("${x:", "${y:"), Duration::from_hours(6)).unwrap_err();
        assert!(error.to_string().contains("$y"), "{error}");
        assert!(read(r#"{"title": "T"}"#, Duration::from_hours(6)).is_err());
    }
}
