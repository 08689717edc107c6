//! One value of the configuration, from text or TOML to a checked value. Every refusal has the same
//! form.

mod durations;
mod paths;

use std::collections::HashSet;
use std::path::PathBuf;

use toml::Value;

use super::listen::{self, ADDRESSES, Listen};
use super::names::{self, HOSTS};
use crate::exit::Error;
use crate::log::Format;
use crate::metrics::{Histograms, Selection};
use crate::size_text;
use crate::workload::Naming;

/// The source of a value, for the message that refuses it.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The command line.
    Argument,
    /// The environment variable of this name.
    Environment(String),
    /// The file of this name.
    File(PathBuf),
    /// The default.
    Default,
}

/// An unchecked value.
#[derive(Debug)]
pub(super) struct Raw {
    name: &'static str,
    origin: Origin,
    value: Value,
    /// Whether `value` is text that stands for any type, rather than a typed value of the file.
    textual: bool,
}

impl Raw {
    /// Returns a value from a source that has only text.
    pub(super) fn text(name: &'static str, origin: Origin, text: &str) -> Self {
        Self { name, origin, value: Value::String(text.to_owned()), textual: true }
    }

    /// Returns a value from several options of one name.
    pub(super) fn texts(name: &'static str, origin: Origin, texts: &[String]) -> Self {
        let values = texts.iter().cloned().map(Value::String).collect();
        Self { name, origin, value: Value::Array(values), textual: true }
    }

    /// Returns a value from the file.
    pub(super) fn file(name: &'static str, path: PathBuf, value: Value) -> Self {
        Self { name, origin: Origin::File(path), value, textual: false }
    }

    /// Returns the value unless it is the default.
    pub(super) fn given(self) -> Option<Self> {
        (!matches!(self.origin, Origin::Default)).then_some(self)
    }

    /// Whether it is the default.
    pub(super) const fn is_default(&self) -> bool {
        matches!(self.origin, Origin::Default)
    }

    /// Reads the addresses to listen on: text, with commas between several, or a list of texts.
    pub(super) fn listen(&self) -> Result<Vec<Listen>, Error> {
        let hosts = names::text(HOSTS);
        let read = |text: &str| {
            let find = |name: &str| names::address(&hosts, name);
            Listen::read(text, find).map_err(|allowed| self.with(text.into()).refuse(&allowed))
        };
        let of = |value: &Value| {
            let text = value.as_str().ok_or_else(|| self.with(value.clone()).refuse(ADDRESSES))?;
            let pieces: Result<Vec<Listen>, Error> =
                text.split(',').map(str::trim).map(read).collect();
            // A path may have a comma. Behind one with a colon stands another address.
            let is_path = text.starts_with("unix:")
                && !text.split(',').skip(1).any(|piece| piece.contains(':'));
            if pieces.is_err() && is_path {
                return read(text).map(|one| vec![one]);
            }
            pieces
        };
        let mut all = match &self.value {
            Value::Array(values) => values.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat(),
            value => of(value)?,
        };
        let mut seen = HashSet::new();
        // Any free port is another one each time.
        all.retain(|one| one.is_any_port() || seen.insert(one.clone()));
        if all.is_empty() || all.len() > listen::MOST {
            return Err(self.refuse(&format!("1 to {} addresses", listen::MOST)));
        }
        Ok(all)
    }

    /// Reads a whole number from `least` to `most`.
    pub(super) fn integer(&self, least: u64, most: u64) -> Result<u64, Error> {
        let number = self.whole();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.refuse(&format!("a whole number from {least} to {most}")))
    }

    /// Reads a whole number from `least` to `most` that counts things in memory.
    pub(super) fn count(&self, least: u32, most: u32) -> Result<usize, Error> {
        let number = self.integer(least.into(), most.into())?;
        usize::try_from(number)
            .map_err(|_too_large| self.refuse("a smaller number on this machine"))
    }

    /// Reads the size of a ring. The kernel requires a power of two of at least one page.
    pub(super) fn power_of_two(&self) -> Result<u32, Error> {
        let fits = |number: &u32| number.is_power_of_two() && (4096..=1 << 30).contains(number);
        let with_unit = || self.value.as_str().and_then(size_text::parse);
        let bytes = self.whole().or_else(with_unit).and_then(|bytes| u32::try_from(bytes).ok());
        bytes.filter(fits).ok_or_else(|| {
            self.refuse("a power of two from 4K to 1G such as 8M (a bare number is bytes)")
        })
    }

    /// Reads a truth value.
    pub(super) fn truth(&self) -> Result<bool, Error> {
        match &self.value {
            Value::Boolean(truth) => Ok(*truth),
            Value::String(text) if self.textual && (text == "true" || text == "1") => Ok(true),
            Value::String(text)
                if self.textual && (text == "false" || text == "0" || text.is_empty()) =>
            {
                Ok(false)
            }
            _ => Err(self.refuse("true or false")),
        }
    }

    /// Reads what the label of a container is.
    pub(super) fn naming(&self) -> Result<Naming, Error> {
        let naming = self.value.as_str().and_then(Naming::parse);
        naming.ok_or_else(|| self.refuse("id or name"))
    }

    /// Reads how many bounds histograms have.
    pub(super) fn histograms(&self) -> Result<Histograms, Error> {
        let histograms = self.value.as_str().and_then(Histograms::parse);
        histograms.ok_or_else(|| self.refuse("off, coarse or full"))
    }

    /// Reads the metrics that are left out: text, with commas between several, or a list of texts.
    pub(super) fn selection(&self, histograms: Histograms) -> Result<Selection, Error> {
        let texts: Option<Vec<&str>> = match &self.value {
            Value::Array(values) => values.iter().map(Value::as_str).collect(),
            value => value.as_str().map(|text| vec![text]),
        };
        let texts = texts.ok_or_else(|| self.refuse(Selection::ALLOWED))?;
        Selection::read(histograms, &texts)
            .map_err(|unknown| self.with(unknown.into()).refuse(Selection::ALLOWED))
    }

    /// Reads the form of the log.
    pub(super) fn format(&self) -> Result<Format, Error> {
        let format = self.value.as_str().and_then(|text| text.parse().ok());
        format.ok_or_else(|| self.refuse(Format::ALLOWED))
    }

    /// Reads a filter for the log.
    pub(super) fn filter(&self) -> Result<String, Error> {
        let allowed = "error, warn, info, debug, trace, or a filter such as info,tcpwarden=debug";
        // Nothing here has a name beyond ASCII, and `EnvFilter` (tracing-subscriber 0.3.23) panics
        // on a letter of several bytes before a level.
        let text = self.value.as_str().filter(|text| text.is_ascii());
        let text = text.ok_or_else(|| self.refuse(allowed))?;
        tracing_subscriber::EnvFilter::try_new(text).map_err(|_cause| self.refuse(allowed))?;
        // A word that is no level is the target of that name; alone it logs nothing. Neither does a
        // filter of nothing.
        let says_something = |part: &str| {
            let is_level = part.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
            !part.is_empty() && is_level || part.starts_with('[') || part.starts_with("tcpwarden")
        };
        if !text.split(',').map(str::trim).any(says_something) {
            return Err(self.refuse(allowed));
        }
        Ok(text.to_owned())
    }

    fn whole(&self) -> Option<u64> {
        match &self.value {
            Value::String(text) if self.textual => whole(text),
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Returns another value from the same place.
    fn with(&self, value: Value) -> Self {
        Self { name: self.name, origin: self.origin.clone(), value, textual: self.textual }
    }

    /// Returns the error for a value that is not allowed.
    fn refuse(&self, allowed: &str) -> Error {
        let shown = match &self.value {
            Value::String(text) if self.textual => format!("'{text}'"),
            value => value.to_string(),
        };
        let name = self.name;
        let place = match &self.origin {
            Origin::Argument => format!("--{name}"),
            Origin::Environment(variable) => variable.clone(),
            Origin::File(path) => format!("{name} in {}", path.display()),
            Origin::Default => format!("the default of {name}"),
        };
        Error::Usage(format!("{place} is {shown}: expected {allowed}"))
    }
}

/// Returns a whole number without a sign, which `parse` takes.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
