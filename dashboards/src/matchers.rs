//! Matchers of labels as people write them, and as they stand in a selector: quoted and escaped.

use std::fmt;

use crate::regex;
use crate::site::is_private;

/// The most letters of a value.
const MOST: usize = 512;
/// The most matchers.
const MOST_MATCHERS: usize = 16;

/// One matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matcher {
    /// The label.
    pub(crate) label: String,
    operator: &'static str,
    value: String,
}

impl Matcher {
    /// Whether it says what the label is, and not only what it is not.
    pub(crate) fn chooses(&self) -> bool {
        matches!(self.operator, "=" | "=~")
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}{}{}", self.label, self.operator, quoted(&self.value))
    }
}

/// A string of PromQL.
pub(crate) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A matcher for none of several names; `None` for no name.
pub(crate) fn none_of(label: &str, names: &[String]) -> Option<String> {
    let escape = |name: &String| -> String {
        name.chars().fold(String::new(), |mut text, letter| {
            if r"\.+*?()|[]{}^$".contains(letter) {
                text.push('\\');
            }
            text.push(letter);
            text
        })
    };
    let all: Vec<String> = names.iter().map(escape).collect();
    (!all.is_empty()).then(|| format!("{label}!~{}", quoted(&all.join("|"))))
}

/// Reads matchers with commas between them; braces around them are allowed.
pub(crate) fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.trim();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let mut rest = inner.trim();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (matcher, after) = one(rest)?;
        all.push(matcher);
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return Err(format!("expected a comma before {after:?}")),
        };
    }
    if all.len() > MOST_MATCHERS {
        return Err(format!("{} matchers, at most {MOST_MATCHERS} are allowed", all.len()));
    }
    Ok(all)
}

/// Reads a matcher, and returns what follows it without space at its start.
fn one(text: &str) -> Result<(Matcher, &str), String> {
    let ends = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let (label, rest) = text.split_at(ends.unwrap_or(text.len()));
    check_label(label)?;
    let rest = rest.trim_start();
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|one| rest.starts_with(one));
    let operator = operator
        .ok_or_else(|| format!("expected =, !=, =~ or !~ and a value in quotes behind {label}"))?;
    let (value, rest) = string(rest[operator.len()..].trim_start())
        .ok_or_else(|| format!("expected a value in double quotes behind {label}{operator}"))?;
    check_value(&value)?;
    if operator.ends_with('~') {
        regex::check(&value)?;
    }
    Ok((Matcher { label: label.to_owned(), operator, value }, rest.trim_start()))
}

/// Reads a string in double quotes, in which a backslash stands before a quote and a backslash.
fn string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => match letters.next()?.1 {
                escaped @ ('"' | '\\') => value.push(escaped),
                _ => return None,
            },
            plain => value.push(plain),
        }
    }
    None
}

/// Refuses what is no name of a label, and labels that only some of the agent's series have.
pub(crate) fn check_label(label: &str) -> Result<(), String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = label.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    if !begins || !label.chars().all(is_letter) || label.len() > 64 {
        return Err(format!(
            "{label:?} is no name of a label: expected letters, digits and _, at most 64"
        ));
    }
    let own = catalogue::metrics::all().any(|metric| metric.labels.contains(&label));
    if own
        || ["le", "alertname", "alertstate", "severity"].contains(&label)
        || label.starts_with("__")
    {
        return Err(format!(
            "{label} is no label of every series: expected one of the target, such as job"
        ));
    }
    Ok(())
}

/// Refuses a value that YAML, PromQL or a template of Prometheus would read as something else.
pub(crate) fn check_value(value: &str) -> Result<(), String> {
    let wrong = |letter: &char| {
        letter.is_control()
            || is_private(*letter)
            || matches!(
                letter,
                '`' | '%' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}'
            )
    };
    if let Some(letter) = value.chars().find(wrong) {
        return Err(format!("a value cannot have {letter:?}"));
    }
    if value.contains("{{") || value.contains("}}") || value.contains("[[") {
        return Err("a value cannot have {{, }} or [[".to_owned());
    }
    // Grafana puts a variable there, in the queries of boards.
    let is_name = |next: char| next == '{' || next == '_' || next.is_alphanumeric();
    if value.split('$').skip(1).any(|rest| rest.starts_with(is_name)) {
        return Err("a value cannot have $ before a letter, a digit, _ or {".to_owned());
    }
    if value.is_empty() || value.chars().count() > MOST {
        return Err(format!("a value has 1 to {MOST} letters"));
    }
    Ok(())
}
