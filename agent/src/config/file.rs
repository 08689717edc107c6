//! The configuration file: TOML, flat but for `[[expected]]` and `[names]`, only known keys.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::value::Raw;
use super::{Expected, KEYS};
use crate::bounded;
use crate::exit::Error;
use crate::process::rules::Rules;

/// The most bytes of the file.
const MOST: u64 = 4 << 20;
/// The list of tables in the file that no option and no variable has.
const EXPECTED: &str = "expected";
/// The table in the file of rules by which processes are named.
const NAMES: &str = "names";

/// The keys and values of the file; empty if there is no file.
#[derive(Debug, Default)]
pub(super) struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a key that is not in [`KEYS`].
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = bounded::text(path, MOST).map_err(|error| {
            Error::Usage(format!("cannot read the configuration file {}: {error}", path.display()))
        })?;
        Self::parse(path, &text)
    }

    /// As [`Self::read`], from the text of the file.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            Error::Usage(format!(
                "{} is not valid TOML: {}",
                path.display(),
                error.to_string().trim()
            ))
        })?;
        let is_known = |key: &str| {
            [EXPECTED, NAMES].contains(&key) || KEYS.iter().any(|known| known.name == key)
        };
        match table.keys().find(|key| !is_known(key)) {
            Some(unknown) => Err(unknown_key(path, unknown)),
            None => Ok(Self { path: path.to_owned(), table }),
        }
    }

    /// Returns the connections that are expected.
    ///
    /// # Errors
    /// An entry is wrong.
    pub(super) fn expected(&self) -> Result<Vec<Expected>, Error> {
        let Some(value) = self.table.get(EXPECTED) else { return Ok(Vec::new()) };
        Expected::read(value.clone()).map_err(|error| {
            Error::Usage(format!("[[expected]] in {}: {error}", self.path.display()))
        })
    }

    /// Returns the rules by which processes are named: the built-in ones with those of the file.
    ///
    /// # Errors
    /// A rule is wrong.
    pub(super) fn names(&self) -> Result<Rules, Error> {
        let Some(value) = self.table.get(NAMES) else { return Ok(Rules::builtin()) };
        let wrong = |error: String| {
            Error::Usage(format!("[names] in {}: {}", self.path.display(), error.trim()))
        };
        let rules = value
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        Rules::extended(rules).map_err(|error| wrong(error.to_string()))
    }

    /// Returns the value of a key, if the file has one.
    pub(super) fn get(&self, name: &'static str) -> Option<Raw> {
        let value: &Value = self.table.get(name)?;
        Some(Raw::file(name, self.path.clone(), value.clone()))
    }
}

/// Returns the error for an unknown key, with the known keys that are most like it.
fn unknown_key(path: &Path, unknown: &str) -> Error {
    let near = nearest(unknown);
    let hint = if near.is_empty() {
        format!("the keys are {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Error::Usage(format!("unknown key {unknown:?} in {}: {hint}", path.display()))
}

/// Returns the known keys that are most like an unknown one: those with the smallest edit distance,
/// or those that contain it.
fn nearest(unknown: &str) -> Vec<&'static str> {
    let plain = unknown.to_lowercase().replace('_', "-");
    let score = |name: &str| match distance(&plain, name) {
        far if far > 1 && plain.len() > 2 && name.contains(&plain) => 1,
        distance => distance,
    };
    let scored = KEYS
        .iter()
        .map(|key| (score(key.name), key.name))
        .filter(|(score, name)| *score <= name.len() / 3);
    let near: Vec<(usize, &'static str)> = scored.collect();
    let best = near.iter().map(|(score, _)| *score).min();
    let mut names: Vec<&'static str> =
        near.into_iter().filter(|(score, _)| Some(*score) == best).map(|(_, name)| name).collect();
    names.sort_unstable();
    names
}

/// Returns the edit distance: how many characters must be inserted, removed or replaced to turn one
/// text into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, mine) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((theirs, above), pair) in other.iter().zip(&row[1..]).zip(&row) {
            let left = next[next.len() - 1];
            next.push((pair + usize::from(*theirs != mine)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row[row.len() - 1]
}
