//! The patterns of `state_machine.txt`: sets of states, rows, observations; and what fits them.

use std::collections::HashMap;

use agent_common::tcp;
use catalogue::labels::{SocketState, state_name};

use super::cases::{ERRORS, Kind, Ports, Read, Seen, View};

/// Named sets of states, as bits by state code.
pub(super) type Sets = HashMap<String, u16>;

/// The states that a row can have, as bits by state code.
fn states_of_rows() -> u16 {
    (0..16).filter(|code| SocketState::from_code(*code).is_some()).map(|code| 1 << code).sum()
}

/// One alternative of a set: a base without some states.
#[derive(Clone, Debug)]
struct Term {
    codes: u16,
    /// The base is the state of the row.
    same: bool,
    /// Without the state of the row.
    but_same: bool,
}

/// A set of states.
#[derive(Clone, Debug)]
pub(super) struct States(Vec<Term>);

impl States {
    /// Reads `a/b-c`.
    pub(super) fn parse(text: &str, sets: &Sets) -> Result<Self, String> {
        let codes = |name: &str| match name {
            "*" => Ok(states_of_rows()),
            "invalid" => Ok((0..16)
                .filter(|code| state_name(*code) == "unknown")
                .map(|code| 1 << code)
                .sum()),
            _ => sets
                .get(name)
                .copied()
                .or_else(|| (1..13).find(|code| state_name(*code) == name).map(|code| 1 << code))
                .ok_or_else(|| format!("no state or set is called {name}")),
        };
        let term = |text: &str| {
            let mut parts = text.split('-');
            let base = parts.next().unwrap_or_default();
            let mut term = Term { codes: 0, same: base == "=", but_same: false };
            if !term.same {
                term.codes = codes(base)?;
            }
            for part in parts {
                if part == "=" {
                    term.but_same = true;
                } else {
                    term.codes &= !codes(part)?;
                }
            }
            Ok(term)
        };
        text.split('/').map(term).collect::<Result<_, String>>().map(Self)
    }

    /// The states, where none depends on a row.
    pub(super) fn codes(&self) -> u16 {
        self.0.iter().fold(0, |all, term| all | term.codes)
    }

    /// Whether a state is in the set, for a row in state `same`; without one, whether it can be.
    fn has(&self, code: u8, same: Option<u8>) -> bool {
        self.0.iter().any(|term| {
            let base = if term.same {
                same.is_none_or(|same| same == code)
            } else {
                term.codes & (1 << code) != 0
            };
            base && !(term.but_same && same == Some(code))
        })
    }
}

/// Which rows a line is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    none: bool,
    states: Option<States>,
    flags: Vec<(String, bool)>,
}

impl Rows {
    /// Reads `none`, or states and flags.
    pub(super) fn parse(text: &str, sets: &Sets) -> Result<Self, String> {
        let mut rows = Self::default();
        for word in text.split_whitespace() {
            let flag = word.trim_start_matches('!');
            if word == "none" {
                rows.none = true;
            } else if View::FLAGS.contains(&flag) {
                rows.flags.push((flag.to_owned(), flag == word));
            } else {
                rows.states = Some(States::parse(word, sets)?);
            }
        }
        Ok(rows)
    }

    /// Whether a row fits; without a state in the pattern, no row fits like any.
    pub(super) fn fits(&self, view: View) -> bool {
        let state = match (&self.states, view.state) {
            (None, None) => true,
            (None, Some(_)) => !self.none,
            (Some(states), Some(state)) => states.has(state, Some(state)),
            (Some(_), None) => false,
        };
        state && self.flags.iter().all(|(flag, set)| view.flag(flag) == *set)
    }
}

/// Which ports an observation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortWord {
    Any,
    Other,
    Same,
    Unset,
    Set,
}

/// Which observations a line is about.
#[derive(Clone, Debug)]
pub(super) enum Observed {
    /// Another socket's, as the relation has said.
    OtherSocket,
    /// Records or entries.
    Seen {
        old: Option<States>,
        state: States,
        ports: Word,
        errors: Vec<u16>,
        locked: Option<bool>,
        reads: Vec<Read>,
    },
}

/// The same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(PortWord);

impl Observed {
    /// Reads `old -> new`, `list state` or `other_socket`, and the words after it.
    pub(super) fn parse(text: &str, sets: &Sets) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (old, state, rest) = match words[..] {
            ["other_socket"] => return Ok(Self::OtherSocket),
            ["list", state, ref rest @ ..] => (None, state, rest),
            [old, "->", new, ref rest @ ..] => (Some(States::parse(old, sets)?), new, rest),
            _ => return Err(format!("{text:?} is no observation")),
        };
        let (mut ports, mut errors, mut reads) = (PortWord::Same, Vec::new(), Vec::new());
        let mut locked = None;
        for word in rest {
            let error = ERRORS.iter().find(|(_, name)| name == word);
            match (*word, error) {
                (_, Some((error, _))) => errors.push(*error),
                ("any_ports", _) => ports = PortWord::Any,
                ("other_ports", _) => ports = PortWord::Other,
                ("no_port", _) => ports = PortWord::Unset,
                ("port", _) => ports = PortWord::Set,
                ("locked", _) => locked = Some(true),
                ("unlocked", _) => locked = Some(false),
                ("before", _) => reads.push(Read::Before),
                ("near", _) => reads.push(Read::Near),
                ("after", _) => reads.push(Read::After),
                _ => return Err(format!("{word:?} says nothing of an observation")),
            }
        }
        Ok(Self::Seen {
            old,
            state: States::parse(state, sets)?,
            ports: Word(ports),
            errors,
            locked,
            reads,
        })
    }

    /// Whether an observation fits, made of a row in state `same`; without one, whether it can.
    pub(super) fn fits(&self, seen: &Seen, same: Option<u8>, read: Option<Read>) -> bool {
        let Self::Seen { old, state, ports, errors, locked, reads } = self else { return false };
        let kind = match (seen.kind, old) {
            (Kind::Record { old: from, new }, Some(old)) => {
                old.has(from, same) && state.has(new, same)
            }
            (Kind::Listed { state: code }, None) => state.has(code, same),
            _ => false,
        };
        let ports = match ports.0 {
            PortWord::Any => true,
            PortWord::Other => seen.ports.are_others(),
            PortWord::Same => !seen.ports.are_others(),
            PortWord::Unset => seen.ports == Ports::Unset,
            PortWord::Set => seen.ports == Ports::Same,
        };
        let closes = matches!(seen.kind, Kind::Record { new: tcp::CLOSE, .. });
        let read = reads.is_empty() || read.is_none_or(|read| reads.contains(&read));
        let error = !closes || errors.is_empty() || errors.contains(&seen.error);
        kind && ports && read && error && locked.is_none_or(|locked| locked == seen.locked)
    }
}
