//! The queries that a running agent answers. Each is a command (`tcpwarden ports`) and a path of
//! the API (`/api/v1/ports`).
//!
//! One module holds everything about one query: its parameters with their help texts, its answer as
//! JSON, the same answer as text, its tests. `ports` is the shortest. [`ALL`] is the registry: the
//! command line (`cli`), the routes (`http::api`) and the page at `/` (`http::page`) iterate over
//! it, so a new query is one module and one line here. docs/api.md describes the API.
//!
//! Guarantees: the command line and the API read parameters with the same code ([`parameter`]), so
//! the program refuses before it sends what the agent would refuse.

mod columns;
mod command;
pub(crate) mod connections;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub(crate) mod leaks;
pub(crate) mod parameter;
pub(crate) mod ports;
mod shell;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod trouble;
pub(crate) mod value;
mod view;
mod watch;
mod which;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit;
use crate::ingest::SharedTable;
use crate::leaks::Watch;
use crate::nat::Nat;

use columns::Naming;
use parameter::Parameter;
use view::View;

pub use command::Request;
pub use parameter::Refusal;

/// Every query, in the order in which `--help` and the page at `/` list them.
pub static ALL: &[Entry] = &[
    Entry::of::<connections::ConnectionsQuery>(),
    Entry::of::<leaks::LeaksQuery>(),
    Entry::of::<ports::PortsQuery>(),
    Entry::of::<trouble::TroubleQuery>(),
];

/// The values of one query's parameters. `Default` is the query without any parameter.
pub(crate) trait Query: Default + Send + 'static {
    /// The name of the command and the last part of the API path.
    const NAME: &'static str;
    /// What the answer shows; continues the sentence "Ask a running agent ...".
    const ABOUT: &'static str;
    /// Notes and examples at the end of `--help`; each line ends with a line break.
    const NOTES: &'static str;
    /// The parameters, in the order of `--help`.
    const PARAMETERS: &'static [Parameter<Self>];
    /// The answer. The agent writes it as JSON and the command line reads it again, so a field that
    /// an older agent does not send needs a default.
    type Answer: Serialize + DeserializeOwned;

    /// Returns the answer at `now` (`CLOCK_MONOTONIC`, nanoseconds). Runs off the reactor and may
    /// take the table's lock, but only for one slice at a time.
    fn answer(&self, source: &Source, now: u64) -> Self::Answer;

    /// Returns the exit code of the command that got this answer.
    fn exit_code(_: &Self::Answer) -> u8 {
        exit::OK
    }

    /// Returns by what the columns of the answer to this query can be chosen.
    fn columns(&self) -> Vec<Naming>;

    /// Appends the answer as text or CSV. Text that came over the wire must pass through
    /// [`text::printable`].
    fn write(answer: &Self::Answer, view: &View, page: &mut String);
}

/// What the queries read.
#[derive(Clone)]
pub(crate) struct Source {
    /// The connection table.
    pub(crate) table: SharedTable,
    /// The counts of the last ten minutes.
    pub(crate) leaks: Watch,
    /// Looks through NAT.
    pub(crate) nat: Nat,
    /// Returns `CLOCK_MONOTONIC` in nanoseconds.
    pub(crate) clock: fn() -> u64,
}

impl Source {
    /// Returns the same for a reader who may see no arguments of processes.
    pub(crate) fn without_arguments(&self) -> Self {
        Self { leaks: self.leaks.without_arguments(), ..self.clone() }
    }
}

/// A query whose parameters have been read. Called with the source, it returns the answer as one
/// line of JSON.
pub(crate) type Prepared = Box<dyn FnOnce(&Source) -> serde_json::Result<String> + Send>;

/// One query of [`ALL`], with its types erased.
pub struct Entry {
    name: &'static str,
    about: &'static str,
    notes: &'static str,
    arguments: fn() -> Vec<clap::Arg>,
    prepare: fn(&str) -> Result<Prepared, Refusal>,
    columns: fn(&str) -> Result<Vec<Naming>, Refusal>,
    text: fn(&[u8], &View) -> serde_json::Result<String>,
    code: fn(&[u8]) -> serde_json::Result<u8>,
}

impl Entry {
    const fn of<Q: Query>() -> Self {
        Self {
            name: Q::NAME,
            about: Q::ABOUT,
            notes: Q::NOTES,
            arguments: || Q::PARAMETERS.iter().map(Parameter::argument).collect(),
            prepare: prepare::<Q>,
            columns: |parameters| Ok(read::<Q>(parameters)?.columns()),
            text: text_of::<Q>,
            code: |answer| Ok(Q::exit_code(&serde_json::from_slice(answer)?)),
        }
    }

    /// Returns the path of the query in the API.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/api/v1/{}", self.name)
    }

    /// Returns what the answer shows, as a phrase without a capital letter.
    pub(crate) const fn about(&self) -> &'static str {
        self.about
    }

    /// Reads the part of a URL after the `?`.
    ///
    /// # Errors
    /// See [`parameter::read`].
    pub(crate) fn prepare(&self, parameters: &str) -> Result<Prepared, Refusal> {
        (self.prepare)(parameters)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.name)
    }
}

/// Returns the answer at `now` to the part of a URL after the `?`.
///
/// # Errors
/// See [`parameter::read`].
pub(crate) fn ask<Q: Query>(
    parameters: &str,
    source: &Source,
    now: u64,
) -> Result<Q::Answer, Refusal> {
    read::<Q>(parameters).map(|query| query.answer(source, now))
}

fn read<Q: Query>(parameters: &str) -> Result<Q, Refusal> {
    parameter::read(form_urlencoded::parse(parameters.as_bytes()))
}

fn prepare<Q: Query>(parameters: &str) -> Result<Prepared, Refusal> {
    let query: Q = read(parameters)?;
    Ok(Box::new(move |source| {
        let answer = query.answer(source, (source.clock)());
        serde_json::to_string(&answer).map(|line| line + "\n")
    }))
}

/// Returns an agent's answer as text or CSV.
fn text_of<Q: Query>(answer: &[u8], view: &View) -> serde_json::Result<String> {
    let mut page = String::new();
    Q::write(&serde_json::from_slice(answer)?, view, &mut page);
    Ok(page)
}
