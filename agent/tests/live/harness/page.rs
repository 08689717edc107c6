//! A page of metrics in the text format, as a list that can be summed over labels.

use std::collections::BTreeMap;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Its name without the prefix `tcpwarden_`.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its value.
    pub(crate) value: f64,
}

/// Everything on `/metrics` at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The text as it came.
    pub(crate) text: String,
    samples: Vec<Sample>,
}

impl Page {
    /// Parses the text format 0.0.4.
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(sample)
            .collect();
        Self { text: text.to_owned(), samples }
    }

    /// The lines of one name with these labels.
    pub(crate) fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|have| have == value))
        })
    }

    /// The sum of the lines of one name with these labels; 0 where there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.all(name, labels).map(|sample| whole(sample.value)).sum()
    }

    /// Whether there is any line of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples.iter().any(|sample| sample.name == name)
    }
}

/// Counts are whole and far below 2^53.
#[expect(clippy::cast_possible_truncation, reason = "the only numbers that are summed are counts")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

fn sample(line: &str) -> Sample {
    let (head, value) = line
        .rsplit_once(' ')
        .unwrap_or_else(|| panic!("a line of metrics without a value: {line:?}"));
    let (name, labels) =
        head.split_once('{').map_or((head, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
    let value = value.parse().unwrap_or_else(|error| panic!("the value of {line:?}: {error}"));
    Sample {
        name: name.strip_prefix("tcpwarden_").unwrap_or(name).to_owned(),
        labels: parse_labels(labels),
        value,
    }
}

fn parse_labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while let Some((key, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut letters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => value.push(match letters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, other)) => other,
                    None => '\\',
                }),
                other => value.push(other),
            }
        }
        labels.insert(key.trim_start_matches(',').to_owned(), value);
        text = &rest[end..];
    }
    labels
}
