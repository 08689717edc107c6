//! A parameter of a query: an option of the command and a parameter of the API, declared once.
//!
//! Used by the modules of the queries. Guarantees of [`read`]: for any text it returns a query
//! within its bounds or a [`Refusal`] that names the parameter and what is allowed. It does not
//! panic, and it takes no more memory than the text itself.

use clap::{Arg, ArgAction};

use super::Query;
use super::value::Expected;

/// The most values of one parameter.
const MAX_VALUES: usize = 64;
/// The most letters of a refused name or value that a refusal repeats.
const MAX_SHOWN: usize = 100;

/// Reads one value into the query, or returns what is allowed instead.
pub(crate) type Read<Q> = fn(&mut Q, &str) -> Result<(), Expected>;

/// A parameter of the query `Q`.
#[derive(Debug)]
pub(crate) struct Parameter<Q> {
    /// The name of the option, without its leading hyphens. The API has `_` in place of each `-`.
    name: &'static str,
    /// How many values it takes, and how they are given.
    values: Values,
    /// The word for the value in `--help`.
    placeholder: &'static str,
    /// The help text.
    help: &'static str,
    /// The heading of `--help` that lists the option.
    heading: Option<&'static str>,
    /// The letter that is short for the option.
    short: Option<char>,
    read: Read<Q>,
}

/// How many values a parameter takes, and how they are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    /// One value.
    One,
    /// Several values, by repetition. A comma is part of a value.
    Repeated,
    /// Several values, by repetition or separated by commas.
    List,
}

impl<Q> Parameter<Q> {
    /// Returns a parameter that takes one value.
    pub(crate) const fn one(name: &'static str, placeholder: &'static str, read: Read<Q>) -> Self {
        Self::new(name, Values::One, placeholder, read)
    }

    /// Returns a parameter that is repeated for several values.
    pub(crate) const fn repeated(
        name: &'static str,
        placeholder: &'static str,
        read: Read<Q>,
    ) -> Self {
        Self::new(name, Values::Repeated, placeholder, read)
    }

    /// Returns a parameter that takes several values, separated by commas or repeated.
    pub(crate) const fn list(name: &'static str, placeholder: &'static str, read: Read<Q>) -> Self {
        Self::new(name, Values::List, placeholder, read)
    }

    const fn new(
        name: &'static str,
        values: Values,
        placeholder: &'static str,
        read: Read<Q>,
    ) -> Self {
        Self { name, values, placeholder, help: "", heading: None, short: None, read }
    }

    /// Sets the help text.
    pub(crate) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// Sets the heading of `--help` that lists the option.
    pub(crate) const fn under(self, heading: &'static str) -> Self {
        Self { heading: Some(heading), ..self }
    }

    /// Sets the letter that is short for the option.
    pub(crate) const fn short(self, letter: char) -> Self {
        Self { short: Some(letter), ..self }
    }

    /// Returns the name in the API.
    pub(crate) fn name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Returns the option of the command line. It takes any text: [`read`] reads the value.
    pub(super) fn argument(&self) -> Arg {
        let action = if self.values == Values::One { ArgAction::Set } else { ArgAction::Append };
        let argument = Arg::new(self.name)
            .long(self.name)
            .value_name(self.placeholder)
            .help(self.help)
            .action(action);
        let argument =
            if let Some(letter) = self.short { argument.short(letter) } else { argument };
        if let Some(heading) = self.heading { argument.help_heading(heading) } else { argument }
    }

    fn is_called(&self, name: &str) -> bool {
        let own = self.name.bytes().map(|byte| if byte == b'-' { b'_' } else { byte });
        own.eq(name.bytes())
    }
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is '{value}': expected {allowed}")]
pub struct Refusal {
    /// The parameter, with its name in the API.
    pub parameter: String,
    /// The refused value; at most its first 100 letters.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
}

/// Reads a query from parameters and their values.
///
/// # Errors
/// A parameter that the query does not have, a value that is not allowed, or more values than are
/// allowed.
pub(crate) fn read<Q: Query, N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<Q, Refusal> {
    let mut query = Q::default();
    let mut counts = vec![0; Q::PARAMETERS.len()];
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        let known = Q::PARAMETERS.iter().zip(&mut counts);
        let Some((parameter, count)) =
            known.into_iter().find(|(parameter, _)| parameter.is_called(name))
        else {
            return Err(refusal(name, value, &unknown::<Q>()));
        };
        let parts: Vec<&str> = match parameter.values {
            Values::List => value.split(',').collect(),
            Values::One | Values::Repeated => vec![value],
        };
        for part in parts {
            *count += 1;
            match parameter.values {
                Values::One if *count > 1 => return Err(refusal(name, value, "one value only")),
                _ if *count > MAX_VALUES => {
                    return Err(refusal(name, value, &format!("at most {MAX_VALUES} values")));
                }
                _ => {}
            }
            (parameter.read)(&mut query, part)
                .map_err(|expected| refusal(name, part, &expected))?;
        }
    }
    Ok(query)
}

/// Returns what is allowed in place of an unknown parameter.
fn unknown<Q: Query>() -> String {
    let names: Vec<_> = Q::PARAMETERS.iter().map(Parameter::name).collect();
    format!("one of the parameters {}; this is none", names.join(", "))
}

fn refusal(parameter: &str, value: &str, allowed: &str) -> Refusal {
    let cut = |text: &str| text.chars().take(MAX_SHOWN).collect();
    Refusal { parameter: cut(parameter), value: cut(value), allowed: allowed.to_owned() }
}
