//! What Grafana makes of a query before it asks Prometheus.

use std::time::Duration;

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
        // `allValue` of every variable of these dashboards.
        _ => ".+".to_owned(),
    }
}
