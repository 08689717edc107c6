//! The file of `--config`: TOML, only known keys. What it says becomes [`Options`].
//!
//! Guarantee: every error names the file, the line, the key, and what is allowed.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use dashboards::options::{AlertOptions, Options, limits};
use dashboards::rules;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::events::names::printable;
use crate::exit::Error;
use crate::{bounded, duration_text, nearest};

/// The most bytes of the file.
const MOST: u64 = 1 << 20;
/// The most letters of a message: what a file has in it may be long.
const MOST_SAID: usize = 1500;
/// The keys of the file, besides the tables of alerts.
pub(super) const KEYS: [&str; 4] = ["selector", "cluster_label", "runbook_base_url", ALERT];
/// The table of tables of alerts.
const ALERT: &str = "alert";
/// The keys of an alert, besides its limits.
pub(super) const OF_ALERT: [&str; 5] =
    ["severity", "for", "disabled", "ignore_processes", "ignore_workloads"];

/// What is wrong, and where: a range of bytes of the text.
type Wrong = (Range<usize>, String);
type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a file.
///
/// # Errors
/// The file cannot be read, is not TOML, or has a key or a value that is not allowed.
pub(super) fn read(path: &Path) -> Result<Options, Error> {
    let text = bounded::text(path, MOST).map_err(|error| {
        let path = printable(&path.display().to_string());
        Error::Usage(format!("cannot read the file of --config, {path}: {error}"))
    })?;
    parse(&text).map_err(|(at, what)| {
        let before = text.get(..at.start).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let what = printable(&what.chars().take(MOST_SAID).collect::<String>());
        Error::Usage(format!("{}, line {line}: {what}", printable(&path.display().to_string())))
    })
}

/// Reads the text of a file.
pub(super) fn parse(text: &str) -> Result<Options, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        (error.span().unwrap_or_default(), format!("not valid TOML: {}", error.message()))
    })?;
    let mut options = Options::default();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let set = match name {
            "selector" => options.set_selector(string(name, value)?),
            "cluster_label" => options.set_cluster_label(string(name, value)?),
            "runbook_base_url" => options.set_runbook_base_url(string(name, value)?),
            ALERT => {
                alerts(&mut options, value)?;
                Ok(())
            }
            _ => {
                let hint = nearest::hint(name, "the keys", KEYS.into_iter());
                return Err((key.span(), format!("unknown key {name:?}: {hint}")));
            }
        };
        set.map_err(|why| about(name, value, &why))?;
    }
    Ok(options)
}

fn alerts(options: &mut Options, value: &Value<'_>) -> Result<(), Wrong> {
    let tables = table(ALERT, value)?;
    for (key, value) in tables {
        let name: &str = key.get_ref();
        let alert = options.alert(name).map_err(|why| {
            let hint = nearest::hint(name, "the alerts", rules::all().iter().map(|one| one.name));
            (key.span(), format!("{ALERT}.{name}: {why}; {hint}"))
        })?;
        for (key, value) in table(name, value)? {
            of_alert(alert, name, key, value)?;
        }
    }
    Ok(())
}

/// Sets one key of the alert `name`.
fn of_alert(
    alert: &mut AlertOptions,
    name: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Value<'_>,
) -> Result<(), Wrong> {
    let word: &str = key.get_ref();
    let set = match word {
        "severity" => alert.set_severity(string(word, value)?),
        "for" => alert.set_hold(duration(word, value)?),
        "disabled" => {
            let is_disabled = value.get_ref().as_bool();
            alert.set_disabled(is_disabled.ok_or_else(|| expected(word, value, "true or false"))?);
            Ok(())
        }
        "ignore_processes" => alert.set_ignored_processes(name, strings(word, value)?),
        "ignore_workloads" => alert.set_ignored_workloads(name, strings(word, value)?),
        _ => {
            let own = limits(name);
            if own.iter().all(|(known, _)| *known != word) {
                let known = own.iter().map(|(known, _)| *known).chain(OF_ALERT);
                let hint = nearest::hint(word, "its keys", known);
                return Err((key.span(), format!("{name} has no {word:?}: {hint}")));
            }
            alert.set_limit(name, word, number(word, value)?)
        }
    };
    set.map_err(|why| about(word, value, &why))
}

fn string<'a>(key: &str, value: &'a Value<'_>) -> Result<&'a str, Wrong> {
    value.get_ref().as_str().ok_or_else(|| expected(key, value, "a text in quotes"))
}

fn strings(key: &str, value: &Value<'_>) -> Result<Vec<String>, Wrong> {
    let all = value.get_ref().as_array();
    let texts = all.and_then(|all| {
        let text = |one: &Value<'_>| one.get_ref().as_str().map(str::to_owned);
        all.iter().map(text).collect::<Option<Vec<String>>>()
    });
    texts.ok_or_else(|| expected(key, value, "a list of texts in quotes"))
}

fn number(key: &str, value: &Value<'_>) -> Result<f64, Wrong> {
    let read = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| expected(key, value, "a number"))
}

fn duration(key: &str, value: &Value<'_>) -> Result<Duration, Wrong> {
    let read = duration_text::parse(string(key, value)?);
    read.ok_or_else(|| expected(key, value, duration_text::ALLOWED))
}

fn table<'a, 'i>(key: &str, value: &'a Value<'i>) -> Result<&'a DeTable<'i>, Wrong> {
    value.get_ref().as_table().ok_or_else(|| expected(key, value, "a table"))
}

fn expected(key: &str, value: &Value<'_>, what: &str) -> Wrong {
    about(key, value, &format!("expected {what}"))
}

/// What is wrong with a value, with the value if it is short.
fn about(key: &str, value: &Value<'_>, why: &str) -> Wrong {
    let shown = match value.get_ref() {
        DeValue::String(text) => format!(" is {text:?}"),
        DeValue::Integer(number) => format!(" is {number}"),
        DeValue::Float(number) => format!(" is {number}"),
        DeValue::Boolean(truth) => format!(" is {truth}"),
        other => format!(" is of type {}", other.type_str()),
    };
    let shown: String = shown.chars().take(200).collect();
    let why: String = why.chars().take(300).collect();
    (value.span(), format!("{key}{shown}: {why}"))
}
