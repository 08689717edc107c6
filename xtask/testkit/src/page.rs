//! A page of metrics in the text format 0.0.4, as a list that can be summed over labels.
//!
//! Metrics of the agent can be named with or without their prefix `tcpwarden_`.

use std::collections::BTreeMap;

/// The prefix that names may lack.
const PREFIX: &str = "tcpwarden_";

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name as on the page.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value, which may be NaN or infinite.
    pub value: f64,
}

/// Everything on a page at one moment.
#[derive(Debug, Clone)]
pub struct Page {
    /// The text as it came.
    pub text: String,
    series: Vec<Series>,
    /// Lines that are neither a series nor a comment. A test of the agent wants none; from an
    /// unknown program they are passed over.
    pub malformed: Vec<String>,
}

impl Page {
    /// Parses a page.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (mut series, mut malformed) = (Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            match parse_line(line) {
                Some(one) => series.push(one),
                None => malformed.push(line.to_owned()),
            }
        }
        Self { text: text.to_owned(), series, malformed }
    }

    /// Every series, in the order of the page.
    pub fn iter(&self) -> impl Iterator<Item = &Series> {
        self.series.iter()
    }

    /// The series of a metric that have these labels.
    pub fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| {
            series.is(name)
                && labels
                    .iter()
                    .all(|(label, value)| series.labels.get(*label).is_some_and(|has| has == value))
        })
    }

    /// The sum over the series of a metric that have these labels; `None` if there is no such
    /// series.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut values = self.all(name, labels).map(|series| series.value).peekable();
        values.peek()?;
        Some(values.sum())
    }

    /// The same as a whole number; 0 if there is no such series.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "counts are far below 2^53")]
        self.all(name, labels).map(|series| series.value.round() as i64).sum()
    }

    /// Returns whether there is any series of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.series.iter().any(|series| series.is(name))
    }
}

impl Series {
    fn is(&self, name: &str) -> bool {
        self.name == name || self.name.strip_prefix(PREFIX) == Some(name)
    }
}

/// Parses `name{label="value",...} number`.
fn parse_line(line: &str) -> Option<Series> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
    let (mut labels, mut rest) = (BTreeMap::new(), labels);
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut text = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next()?.1 {
                    'n' => '\n',
                    letter => letter,
                }),
                (_, letter) => text.push(letter),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), text);
        rest = &after[end + 1..];
    }
    (rest == "}").then_some(())?;
    Some(Series { name: name.to_owned(), labels, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_summed_by_labels_and_hostile_lines_are_passed_over() {
        let page = Page::parse(
            "# HELP a b\na{x=\"1\",y=\"q\\\"}{\\\\\"} 2\na{x=\"1\",y=\"\"} 3.5\na{x=\"2\"} 1e2\n\
             plain 7\na{x=\"1\na{x=\"1\\\n= {\n\u{0}\n",
        );
        assert_eq!(page.value("a", &[("x", "1")]), Some(5.5));
        assert_eq!(page.value("a", &[("y", "q\"}{\\")]), Some(2.0));
        assert_eq!((page.value("a", &[]), page.value("plain", &[])), (Some(105.5), Some(7.0)));
        assert_eq!((page.value("a", &[("x", "3")]), page.value("b", &[])), (None, None));
        assert_eq!(page.malformed.len(), 4);
    }

    #[test]
    fn series_of_a_family_are_added_up_and_no_others() {
        let page = Page::parse(
            "a{r=\"1\"} 2\na{r=\"2\"} 3.5\na_total{r=\"1\"} 100\ntcpwarden_b{q=\"\"} 7\n",
        );
        assert_eq!((page.value("a", &[]), page.sum("a_total", &[])), (Some(5.5), 100));
        assert_eq!(
            (page.sum("b", &[]), page.sum("tcpwarden_b", &[]), page.sum("c", &[])),
            (7, 7, 0)
        );
        assert!(page.has("b") && !page.has("_b"));
        assert_eq!((page.value("a", &[("r", "2")]), page.sum("a", &[("r", "1")])), (Some(3.5), 2));
        let values: Vec<_> = page.all("a", &[]).map(|series| series.labels["r"].as_str()).collect();
        assert_eq!(values, ["1", "2"]);
    }
}
