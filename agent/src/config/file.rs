//! The configuration file: TOML, flat but for `[[expected]]`, `[names]` and `[destinations]`, only
//! known keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::value::Raw;
use super::{Expected, KEYS};
use crate::bounded;
use crate::conn::Destinations;
use crate::exit::Error;
use crate::nearest;
use crate::process::rules::Rules;

/// The most bytes of the file.
const MOST: u64 = 4 << 20;
/// The list of tables in the file that no option and no variable has.
const EXPECTED: &str = "expected";
/// The table in the file of rules by which processes are named.
const NAMES: &str = "names";
/// The table in the file of destinations that have a name.
const DESTINATIONS: &str = "destinations";

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
            [EXPECTED, NAMES, DESTINATIONS].contains(&key)
                || KEYS.iter().any(|known| known.name == key)
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

    /// Returns the destinations that are named: a network, or a list of them, by name.
    ///
    /// # Errors
    /// An entry is wrong.
    pub(super) fn destinations(&self) -> Result<Destinations, Error> {
        let Some(value) = self.table.get(DESTINATIONS) else { return Ok(Destinations::default()) };
        let wrong = |error: &str| {
            Error::Usage(format!("[destinations] in {}: {error}", self.path.display()))
        };
        let table = value.as_table();
        let table = table.ok_or_else(|| wrong(r#"expected names such as db = "10.0.3.7:5432""#))?;
        let texts = |value: &Value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let mut given = BTreeMap::new();
        for (name, value) in table {
            let texts = texts(value).filter(|texts| !texts.is_empty()).ok_or_else(|| {
                wrong(&format!(
                    r#"{name} is {value}: expected "ADDRESS[/BITS][:PORT]", or a list of these"#
                ))
            })?;
            given.insert(name.clone(), texts);
        }
        Destinations::read(&given).map_err(|error| wrong(&error))
    }

    /// Returns the value of a key, if the file has one.
    pub(super) fn get(&self, name: &'static str) -> Option<Raw> {
        let value: &Value = self.table.get(name)?;
        Some(Raw::file(name, self.path.clone(), value.clone()))
    }
}

/// Returns the error for an unknown key, with the known keys that are most like it.
fn unknown_key(path: &Path, unknown: &str) -> Error {
    let hint = nearest::hint(unknown, "the keys", KEYS.iter().map(|key| key.name));
    Error::Usage(format!("unknown key {unknown:?} in {}: {hint}", path.display()))
}
