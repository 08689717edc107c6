//! A line of an agent's `/metrics`, read back: the text format 0.0.4.
//!
//! The page comes from another program. Guarantees: nothing panics, and a line that is no sample,
//! is too long or has too many labels is none.

/// The most labels of a sample.
pub(crate) const MOST_LABELS: usize = 8;
/// The most bytes of a line; a name of the kernel has 15, a path of a cgroup 4096.
pub(crate) const LONGEST: usize = 16 << 10;

/// One series of a family.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    labels: Vec<(String, String)>,
    /// Its value.
    pub(crate) value: f64,
}

impl Sample {
    /// Returns the value of a label, empty without it.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }
}

/// Reads a line, `NAME VALUE` or `NAME{LABEL="TEXT",…} VALUE`, with or without a time behind it, of
/// a series whose name `known` returns; the name of a series that is not wanted is `None`.
pub(crate) fn read<'a>(
    line: &str,
    known: impl FnOnce(&str) -> Option<&'a str>,
) -> Option<(&'a str, Sample)> {
    if line.starts_with('#') || line.len() > LONGEST {
        return None;
    }
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let name = known(name)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name, Sample { labels, value }))
}

/// Reads labels up to the closing brace; returns them and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, text) = rest.split_once("=\"")?;
        let (value, behind) = quoted(text)?;
        if labels.len() == MOST_LABELS {
            return None;
        }
        labels.push((name.to_owned(), value));
        rest = behind;
    }
}

/// Reads a text up to its closing quote; returns it and what follows the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}
