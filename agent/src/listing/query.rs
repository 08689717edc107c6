//! What is asked: parameters of a request, or options of a command, as pairs of name and text.
//!
//! Guarantees: whatever the text, an answer of either a query within its bounds or a refusal that
//! names the parameter and what is allowed; no panic, and no more memory than the text itself.

use std::str::FromStr;

use super::filter::{ENDS, End, Filter, Pattern};
use crate::conn::labels::{Role, SocketState, Stage};
use crate::conn::{Attribution, States};
use crate::duration_text;

/// The most connections, or suspects, in one answer.
pub const MOST: usize = 1000;
/// Connections in an answer that does not ask for a number.
pub const CONNECTIONS: usize = 100;
/// Suspects in an answer that does not ask for a number.
pub const SUSPECTS: usize = 20;
/// The most values of one parameter.
const VALUES: usize = 64;

/// A parameter of a request.
#[derive(Debug)]
pub struct Parameter {
    /// Its name; the option of the command line has hyphens instead.
    pub name: &'static str,
    /// How many values it takes.
    pub takes: Takes,
}

/// How many values a parameter takes, and how they are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One value.
    One,
    /// Values by repetition; a comma is part of a value.
    Repeated,
    /// Values by repetition or with commas between.
    List,
}

const fn parameter(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes }
}

/// The parameters of `/api/v1/connections`.
pub const OF_CONNECTIONS: &[Parameter] = &[
    parameter("state", Takes::List),
    parameter("process", Takes::Repeated),
    parameter("workload", Takes::Repeated),
    parameter("pid", Takes::List),
    parameter("port", Takes::List),
    parameter("service_port", Takes::List),
    parameter("local", Takes::List),
    parameter("peer", Takes::List),
    parameter("role", Takes::List),
    parameter("stage", Takes::List),
    parameter("owner", Takes::List),
    parameter("netns", Takes::List),
    parameter("min_age", Takes::One),
    parameter("sort", Takes::One),
    parameter("order", Takes::One),
    parameter("limit", Takes::One),
];

/// The parameters of `/api/v1/leaks`: those on which all connections of a suspect agree.
pub const OF_LEAKS: &[Parameter] = &[
    parameter("state", Takes::List),
    parameter("process", Takes::Repeated),
    parameter("workload", Takes::Repeated),
    parameter("service_port", Takes::List),
    parameter("role", Takes::List),
    parameter("min_age", Takes::One),
    parameter("limit", Takes::One),
];

/// The parameters of `/api/v1/ports`.
pub const OF_PORTS: &[Parameter] = &[parameter("limit", Takes::One)];

/// Declares what an answer can be sorted by.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];
        }
    };
}

choices! {
    /// What connections are sorted by.
    Sort {
        /// Time in the state.
        Age = "age",
        /// Time since the birth.
        ConnectionAge = "connection_age",
        /// Name of the process.
        Process = "process",
        /// Id of the process.
        Pid = "pid",
        /// State, by its name.
        State = "state",
        /// Service port.
        Port = "port",
        /// Segments sent again.
        Retransmitted = "retransmitted",
        /// Local address, then port.
        Local = "local",
        /// Peer's address, then port.
        Peer = "peer",
    }
}

choices! {
    /// In which direction.
    Order {
        /// Smallest, youngest or first in the alphabet first.
        Ascending = "asc",
        /// Largest, oldest or last first.
        Descending = "desc",
    }
}

impl Sort {
    /// The direction that is meant where none is given: what is worst first, names as in a book.
    const fn natural(self) -> Order {
        match self {
            Self::Age | Self::ConnectionAge | Self::Retransmitted => Order::Descending,
            Self::Process | Self::Pid | Self::State | Self::Port | Self::Local | Self::Peer => {
                Order::Ascending
            }
        }
    }
}

/// A question that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// Sorted by what.
    pub sort: Sort,
    /// In which direction.
    pub order: Order,
    /// At most so many, up to [`MOST`].
    pub limit: usize,
}

/// Why a question is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is '{value}': expected {allowed}")]
pub struct Refusal {
    /// The parameter.
    pub parameter: String,
    /// The value that it cannot have, its first letters if it is long.
    pub value: String,
    /// What it can have.
    pub allowed: String,
}

impl Query {
    /// A question about connections.
    ///
    /// # Errors
    /// A parameter that does not exist, a value that it cannot have, a second value where there can
    /// be one.
    pub fn connections<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Refusal> {
        Self::read(pairs, OF_CONNECTIONS, CONNECTIONS)
    }

    /// A question about suspects.
    ///
    /// # Errors
    /// As for [`Self::connections`].
    pub fn leaks<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Refusal> {
        Self::read(pairs, OF_LEAKS, SUSPECTS)
    }

    /// A question about ports.
    ///
    /// # Errors
    /// As for [`Self::connections`].
    pub fn ports<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Refusal> {
        Self::read(pairs, OF_PORTS, SUSPECTS)
    }

    fn read<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
        known: &'static [Parameter],
        limit: usize,
    ) -> Result<Self, Refusal> {
        let mut reading = Reading {
            query: Self { filter: Filter::ALL, sort: Sort::Age, order: Order::Descending, limit },
            order: None,
        };
        let mut counts = vec![0; known.len()];
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let Some((place, parameter)) =
                known.iter().enumerate().find(|(_, parameter)| parameter.name == name)
            else {
                let names: Vec<_> = known.iter().map(|parameter| parameter.name).collect();
                return Err(refuse(
                    name,
                    value,
                    &format!("one of the parameters {}; this is none", names.join(", ")),
                ));
            };
            let parts: Vec<&str> = if parameter.takes == Takes::List {
                value.split(',').collect()
            } else {
                vec![value]
            };
            for part in parts {
                counts[place] += 1;
                let most = if parameter.takes == Takes::One { 1 } else { VALUES };
                if counts[place] > most {
                    let allowed = if most == 1 {
                        "one value only".to_owned()
                    } else {
                        format!("at most {most} values")
                    };
                    return Err(refuse(name, value, &allowed));
                }
                reading.take(name, part)?;
            }
        }
        let mut query = reading.query;
        query.order = reading.order.unwrap_or_else(|| query.sort.natural());
        Ok(query)
    }
}

struct Reading {
    query: Query,
    order: Option<Order>,
}

impl Reading {
    /// One value of one parameter.
    fn take(&mut self, name: &str, text: &str) -> Result<(), Refusal> {
        let filter = &mut self.query.filter;
        match name {
            "state" => {
                let known: Vec<_> =
                    SocketState::ALL.iter().map(|state| (state.as_str(), *state)).collect();
                let state = choice(name, text, &known)?;
                filter.states =
                    if filter.states == States::ALL { States::NONE } else { filter.states }
                        .with(state);
            }
            "process" => filter.processes.push(pattern(name, text)?),
            "workload" => filter.workloads.push(pattern(name, text)?),
            "pid" => filter.pids.push(number(name, text, "a process id")?),
            "port" => filter.ports.push(number(name, text, "a port from 0 to 65535")?),
            "service_port" => {
                filter.service_ports.push(number(name, text, "a port from 0 to 65535")?)
            }
            "netns" => filter.netns.push(number(
                name,
                text,
                "the inode of a network namespace, as in /proc/PID/ns/net",
            )?),
            "local" => filter.local.push(end(name, text)?),
            "peer" => filter.peer.push(end(name, text)?),
            "role" => {
                let known: Vec<_> = Role::ALL.iter().map(|role| (role.as_str(), *role)).collect();
                filter.roles.push(choice(name, text, &known)?);
            }
            "stage" => {
                let known: Vec<_> =
                    Stage::ALL.iter().map(|stage| (stage.as_str(), *stage)).collect();
                filter.stages.push(choice(name, text, &known)?);
            }
            "owner" => {
                let known = [
                    Attribution::FromSyscall,
                    Attribution::FromDescriptors,
                    Attribution::Inherited,
                    Attribution::Lost,
                    Attribution::None,
                ]
                .map(|owner| (owner.as_str(), owner));
                filter.owners.push(choice(name, text, &known)?);
            }
            "min_age" => {
                filter.min_age = duration_text::parse(text)
                    .ok_or_else(|| refuse(name, text, duration_text::ALLOWED))?
            }
            "sort" => self.query.sort = choice(name, text, Sort::ALL)?,
            "order" => self.order = Some(choice(name, text, Order::ALL)?),
            _ => {
                let allowed = format!("a whole number from 1 to {MOST}");
                let limit = number(name, text, &allowed)?;
                self.query.limit = if (1..=MOST).contains(&limit) {
                    limit
                } else {
                    return Err(refuse(name, text, &allowed));
                };
            }
        }
        Ok(())
    }
}

/// A refusal; a long value is cut.
fn refuse(parameter: &str, value: &str, allowed: &str) -> Refusal {
    let cut = |text: &str| text.chars().take(100).collect();
    Refusal { parameter: cut(parameter), value: cut(value), allowed: allowed.to_owned() }
}

/// A member of a closed set, also as `ss` or the kernel spell it: `CLOSE-WAIT`.
fn choice<T: Copy>(name: &str, text: &str, known: &[(&str, T)]) -> Result<T, Refusal> {
    let plain = text.to_ascii_lowercase().replace('-', "_");
    // `ss` writes FIN-WAIT-1.
    let found = known
        .iter()
        .find(|(word, _)| *word == plain || word.replace('_', "") == plain.replace('_', ""));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        refuse(name, text, &format!("one of {}", words.join(", ")))
    })
}

fn number<T: FromStr>(name: &str, text: &str, allowed: &str) -> Result<T, Refusal> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| refuse(name, text, allowed))
}

fn pattern(name: &str, text: &str) -> Result<Pattern, Refusal> {
    if text.is_empty() {
        Err(refuse(name, text, "a name, or its beginning and *"))
    } else {
        Ok(Pattern::new(text))
    }
}

fn end(name: &str, text: &str) -> Result<End, Refusal> {
    text.parse().map_err(|_not_an_end| refuse(name, text, ENDS))
}
