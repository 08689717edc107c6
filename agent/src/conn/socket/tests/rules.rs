//! `state_machine.txt`, read: its tables, and which lines fit a row and an observation.

use std::cell::Cell;

use agent_common::tcp;
use catalogue::labels::SocketState;

use super::cases::{Kind, Read, Seen, View};
use super::patterns::{Observed, Rows, Sets, States};
use crate::conn::socket::row::flag;

/// The data file.
const TEXT: &str = include_str!("state_machine.txt");

/// A line of a table.
pub(super) struct Line {
    pub(super) number: usize,
    rows: Rows,
    observed: Vec<Observed>,
    pub(super) expected: String,
    /// Whether it is about what a kernel makes.
    kernel: bool,
    used: Cell<bool>,
}

/// A table.
pub(super) struct Table {
    name: &'static str,
    lines: Vec<Line>,
}

/// A row and an observation, as a line is asked about them.
pub(super) struct Case<'a> {
    pub(super) view: View,
    pub(super) seen: &'a Seen,
    /// Whether a kernel makes both.
    pub(super) kernel: bool,
    /// Whether the observation has turned out to be another socket's.
    pub(super) other_socket: bool,
}

impl Case<'_> {
    /// When the entry was read, as far as the row's time tells.
    fn read(&self) -> Read {
        let bound = self.view.flags & flag::ENTERED_BEFORE != 0;
        if bound || self.view.state.is_none() { Read::After } else { self.seen.read }
    }
}

impl Line {
    /// Whether it is about an observation, of whatever row.
    fn can_fit(&self, seen: &Seen) -> bool {
        let fits =
            |one: &Observed| one.fits(seen, None, None) || matches!(one, Observed::OtherSocket);
        self.observed.iter().any(fits)
    }

    fn fits(&self, case: &Case<'_>) -> bool {
        let observed = |one: &Observed| match one {
            Observed::OtherSocket => case.other_socket,
            Observed::Seen { .. } => {
                !case.other_socket && one.fits(case.seen, case.view.state, Some(case.read()))
            }
        };
        self.kernel == case.kernel
            && self.rows.fits(case.view)
            && self.observed.iter().any(observed)
    }
}

impl Table {
    /// The lines that are about an observation.
    pub(super) fn about(&self, seen: &Seen) -> Lines<'_> {
        Lines {
            name: self.name,
            lines: self.lines.iter().filter(|line| line.can_fit(seen)).collect(),
        }
    }

    fn unused(&self) -> impl Iterator<Item = String> {
        let lines = self.lines.iter().filter(|line| !line.used.get());
        lines.map(|line| format!("state_machine.txt:{}: the line fits nothing", line.number))
    }
}

/// Some lines of a table.
pub(super) struct Lines<'a> {
    name: &'static str,
    lines: Vec<&'a Line>,
}

impl<'a> Lines<'a> {
    /// The line for a case: the first of those that fit, which must agree.
    pub(super) fn find(&self, case: &Case<'_>) -> Result<&'a Line, String> {
        let mut found: Option<&Line> = None;
        for line in self.lines.iter().filter(|line| line.fits(case)) {
            line.used.set(true);
            match found {
                Some(first) if first.expected != line.expected => {
                    return Err(format!(
                        "lines {} and {} of state_machine.txt contradict each other: {} or {}",
                        first.number, line.number, first.expected, line.expected
                    ));
                }
                Some(_) => {}
                None => found = Some(line),
            }
        }
        let kernel = if case.kernel { "" } else { " (no kernel makes it)" };
        found.ok_or_else(|| format!("no line of [{}] in state_machine.txt fits{kernel}", self.name))
    }
}

/// All tables.
pub(super) struct Rules {
    pub(super) relation: Table,
    pub(super) opening: Table,
    pub(super) ending: Table,
    /// Each transition that a kernel makes.
    kernel: Vec<(States, States)>,
    /// The rows that these leave.
    rows: Vec<(States, Rows)>,
}

impl Rules {
    /// Reads the file.
    pub(super) fn read() -> Result<Self, String> {
        let table = |name| Table { name, lines: Vec::new() };
        let mut rules = Self {
            relation: table("relation"),
            opening: table("opening"),
            ending: table("ending"),
            kernel: Vec::new(),
            rows: Vec::new(),
        };
        let (mut sets, mut section) = (Sets::new(), String::new());
        for (at, text) in TEXT.lines().enumerate() {
            let text = text.trim();
            if let Some(name) = text.strip_prefix('[') {
                section = name.trim_end_matches(']').to_owned();
            } else if !text.is_empty() && !text.starts_with('#') {
                rules
                    .take(&section, text, at + 1, &mut sets)
                    .map_err(|why| format!("state_machine.txt:{}: {why}", at + 1))?;
            }
        }
        Ok(rules)
    }

    fn take(
        &mut self,
        section: &str,
        text: &str,
        number: usize,
        sets: &mut Sets,
    ) -> Result<(), String> {
        let columns: Vec<&str> = text.split('|').map(str::trim).collect();
        let table = match (section, &columns[..]) {
            ("sets", _) => {
                let (name, states) = text.split_once('=').ok_or("a set is `name = states`")?;
                let codes = States::parse(states.trim(), sets)?.codes();
                sets.insert(name.trim().to_owned(), codes);
                return Ok(());
            }
            ("kernel", [transition, _functions]) => {
                let (old, new) =
                    transition.split_once("->").ok_or("a transition is `old -> new`")?;
                let states = |text: &str| States::parse(text.trim(), sets);
                self.kernel.push((states(old)?, states(new)?));
                return Ok(());
            }
            ("rows", [states, flags]) => {
                self.rows.push((States::parse(states, sets)?, Rows::parse(flags, sets)?));
                return Ok(());
            }
            ("relation", _) => &mut self.relation,
            ("opening", _) => &mut self.opening,
            ("ending", _) => &mut self.ending,
            _ => return Err(format!("[{section}] has no such line")),
        };
        let [row, observed, expected, source] = columns[..] else {
            return Err("a rule has four columns".to_owned());
        };
        table.lines.push(Line {
            number,
            rows: Rows::parse(row, sets)?,
            observed: observed
                .split(',')
                .map(|one| Observed::parse(one, sets))
                .collect::<Result<_, _>>()?,
            expected: expected.to_owned(),
            kernel: source != "no kernel",
            used: Cell::new(false),
        });
        Ok(())
    }

    /// Whether a kernel makes a row and an observation.
    pub(super) fn is_of_kernel(&self, view: View, seen: &Seen) -> bool {
        let in_sets = |(old, new): &(States, States), from: u8, to: u8| {
            old.codes() & (1 << from) != 0 && new.codes() & (1 << to) != 0
        };
        let observation = match seen.kind {
            Kind::Record { old, new } => self.kernel.iter().any(|pair| in_sets(pair, old, new)),
            Kind::Listed { state } => {
                SocketState::from_code(state).is_some()
                    || matches!(state, tcp::TIME_WAIT | tcp::NEW_SYN_RECV)
            }
        };
        let row = |state: u8| {
            let of_state = |(states, _): &&(States, Rows)| states.codes() & (1 << state) != 0;
            self.rows.iter().find(of_state).is_some_and(|(_, rows)| rows.fits(view))
        };
        observation && view.state.is_none_or(row)
    }

    /// Every line that has fitted nothing.
    pub(super) fn unused(&self) -> impl Iterator<Item = String> {
        [&self.relation, &self.opening, &self.ending].into_iter().flat_map(Table::unused)
    }
}
