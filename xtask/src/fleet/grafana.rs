//! What Grafana makes of a query before it asks Prometheus, with All chosen for every variable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A picture: how much of the past it shows, and in what steps.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    pub(super) range: Duration,
    pub(super) step: Duration,
    /// Between two scrapes, as the data source is told.
    pub(super) scrape: Duration,
    /// What stands for All, by the name of the variable.
    pub(super) all: &'a BTreeMap<String, String>,
}

impl Picture<'_> {
    /// Returns `expr` with every variable replaced.
    pub(super) fn interpolate(&self, expr: &str) -> String {
        let mut text = String::new();
        let mut rest = expr;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            let (name, tail) = variable(after);
            text.push_str(&self.value(name));
            rest = tail;
        }
        text + rest
    }

    fn value(&self, name: &str) -> String {
        let seconds = |time: Duration| format!("{}s", time.as_secs());
        match name {
            "__rate_interval" => seconds((self.step + self.scrape).max(4 * self.scrape)),
            "__interval" => seconds(self.step),
            "__range" => seconds(self.range),
            "__range_s" => self.range.as_secs().to_string(),
            _ => self.all.get(name).cloned().unwrap_or_else(|| ".+".to_owned()),
        }
    }
}

/// The name of a variable at the beginning of a text, and what follows it: `name`, `{name}` or
/// `{name:format}`.
fn variable(text: &str) -> (&str, &str) {
    if let Some((inner, tail)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        return (inner.split(':').next().unwrap_or(inner), tail);
    }
    let is_end = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// Returns every word of a query that may be the name of a metric: what stands outside of quotes.
pub(super) fn words(expr: &str) -> BTreeSet<&str> {
    let is_of_a_name =
        |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let outside = expr.split('"').step_by(2);
    let words = outside.flat_map(|part| part.split(move |letter| !is_of_a_name(letter)));
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_all_and_windows_those_of_the_picture() {
        let all = BTreeMap::from([("cluster".to_owned(), ".*".to_owned())]);
        let picture = Picture {
            range: Duration::from_hours(6),
            step: Duration::from_secs(72),
            scrape: Duration::from_secs(15),
            all: &all,
        };
        let asked = picture.interpolate(
            r#"rate(a{job=~"$job", x=~"${cluster:regex}"}[$__rate_interval]) + b[$__range]"#,
        );
        assert_eq!(asked, r#"rate(a{job=~".+", x=~".*"}[87s]) + b[21600s]"#);
    }

    #[test]
    fn names_are_read_outside_of_quotes() {
        let words = words(r#"sum by (job) (tcpwarden:job:x:sum{job="up"})"#);
        assert!(words.contains("tcpwarden:job:x:sum") && !words.contains("up"), "{words:?}");
    }
}
