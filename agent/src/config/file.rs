//! The configuration file: TOML, flat, only known keys.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::KEYS;
use super::value::Raw;
use crate::exit::Error;

/// What the file says; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads a file and refuses keys that nobody would read.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::Usage(format!("cannot read the configuration file {}: {error}", path.display()))
        })?;
        Self::parse(path, &text)
    }

    /// [`Self::read`] without the reading.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            Error::Usage(format!(
                "{} is not valid TOML: {}",
                path.display(),
                error.to_string().trim()
            ))
        })?;
        match table.keys().find(|key| KEYS.iter().all(|known| known.name != key.as_str())) {
            Some(unknown) => Err(unknown_key(path, unknown)),
            None => Ok(Self { path: path.to_owned(), table }),
        }
    }

    /// The value of a key, if the file has one.
    pub(super) fn get(&self, name: &'static str) -> Option<Raw> {
        let value: &Value = self.table.get(name)?;
        Some(Raw::file(name, self.path.clone(), value.clone()))
    }
}

/// The error for a key that is not known, with those that may have been meant.
fn unknown_key(path: &Path, unknown: &str) -> Error {
    let near = nearest(unknown);
    let hint = if near.is_empty() {
        format!("the keys are {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Error::Usage(format!("unknown key {unknown:?} in {}: {hint}", path.display()))
}

/// The known keys that were most likely meant: those a typing error or two away, or containing it.
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

/// How many characters have to be inserted, removed or replaced to make one text the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, mine) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((theirs, above), pair) in other.iter().zip(&row[1..]).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((pair + usize::from(*theirs != mine)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
