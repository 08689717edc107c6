//! What a row and an outcome have come to, in words: expected and got say the same, or a failure
//! says how they differ.

use std::fmt::{self, Display, Formatter};

use crate::conn::labels::SocketState;
use crate::conn::socket::outcome::{Ending, Opening, Outcome};
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::{Row, flag};

/// What has come of an observation, a text a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report(Vec<(&'static str, String)>);

impl Report {
    /// No facts yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a fact.
    pub(super) fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.0.push((name, text.into()));
        self
    }

    /// What the state machine has answered.
    pub(super) fn of(row: &Row, outcome: &Outcome) -> Self {
        let correction = outcome.relation.correction();
        Self::new()
            .with("relation", relation(outcome.relation))
            .with("state", state(row.state))
            .with("correction", correction.map_or("no", |correction| correction.as_str()))
            .with("opening", opening(outcome.opening))
            .with("ending", ending(outcome.ending))
            .with("side", row.role.as_str())
            .with("flags", flags(row.flags))
            .with("in its state since", row.entered.to_string())
            .with("time counted for the state it left", format!("{:?}", outcome.stay))
            .with(
                "lasted",
                match outcome.ending {
                    Some(Ending::Closed { lasted, .. }) => format!("{lasted:?}"),
                    _ => "None".to_owned(),
                },
            )
    }

    /// The facts in which another differs; of the others only what every reader asks first.
    pub(super) fn against(&self, other: &Self) -> String {
        let differ = |name: &str| self.get(name) != other.get(name);
        let facts = self.0.iter().filter(|(name, _)| {
            differ(name) || matches!(*name, "relation" | "state" | "correction" | "ending")
        });
        facts.map(|(name, text)| phrase(name, text)).collect::<Vec<_>>().join(", ")
    }

    /// The facts in which it differs from another.
    pub(super) fn but_for(&self, other: &Self) -> String {
        let facts = self.0.iter().filter(|(name, text)| other.get(name) != Some(text));
        facts.map(|(name, text)| phrase(name, text)).collect::<Vec<_>>().join(", ")
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(fact, _)| *fact == name).map(|(_, text)| text)
    }
}

impl Display for Report {
    fn fmt(&self, into: &mut Formatter<'_>) -> fmt::Result {
        let facts: Vec<_> = self.0.iter().map(|(name, text)| phrase(name, text)).collect();
        into.write_str(&facts.join(", "))
    }
}

fn phrase(name: &str, text: &str) -> String {
    match (name, text) {
        ("relation", _) => text.replace('_', " "),
        ("correction", "no") => "no correction".to_owned(),
        ("opening", "nothing") => "counted as open by nothing new".to_owned(),
        ("opening", _) => format!("counted as open ({text})"),
        ("ending", "alive") => "not closed".to_owned(),
        ("ending", _) => text.to_owned(),
        _ => format!("{name} {text}"),
    }
}

/// A relation as `state_machine.txt` calls it.
pub(super) fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Birth => "birth",
        Relation::Unseen => "unseen",
        Relation::InOrder => "in_order",
        Relation::Skipped => "skipped",
        Relation::Confirmed => "confirmed",
        Relation::Outdated => "outdated",
        Relation::OtherSocket => "other_socket",
    }
}

/// An opening as `state_machine.txt` calls it.
fn opening(opening: Option<Opening>) -> &'static str {
    match opening {
        Some(Opening::Seen { connect: Some(_) }) => "opened timed",
        Some(Opening::Seen { connect: None }) => "opened",
        Some(Opening::Missed) => "missed",
        Some(Opening::Found) => "found",
        None => "nothing",
    }
}

/// An ending as `state_machine.txt` calls it.
fn ending(ending: Option<Ending>) -> String {
    match ending {
        Some(Ending::Closed { reason, .. }) => format!("closed {}", reason.as_str()),
        Some(Ending::Failed(reason)) => format!("failed {}", reason.as_str()),
        Some(Ending::Uncounted) => "uncounted".to_owned(),
        None => "alive".to_owned(),
    }
}

/// A state.
pub(super) fn state(state: SocketState) -> &'static str {
    state.as_str()
}

/// The flags of a row.
pub(super) fn flags(flags: u8) -> String {
    let names = [
        (flag::CONNECTED, "connected"),
        (flag::BORN_BEFORE, "born_before"),
        (flag::ENTERED_BEFORE, "entered_before"),
        (flag::FIN_LOCAL, "fin_local"),
        (flag::FIN_REMOTE, "fin_remote"),
    ];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    set.collect::<Vec<_>>().join("+")
}
