//! What has to be said of a process: its state, the kind of its leak, how many connections.

use std::collections::BTreeSet;

use serde_json::Value;

/// How far the growth may be from the truth.
const NEAR: f64 = 0.15;

/// How many connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Many {
    /// So many.
    Exactly(usize),
    /// More and more: so many a minute.
    Growing(f64),
    /// None or some, where the kernel decides that.
    Maybe,
}

/// An accusation that has to be made, or of a note, that must not be one.
#[derive(Debug)]
pub(super) struct Blame {
    /// One of these names, with `|` between them.
    pub(super) process: String,
    pub(super) state: &'static str,
    pub(super) kind: &'static str,
    pub(super) many: Many,
    /// Any of these, or any process where there are none.
    pub(super) pids: BTreeSet<u32>,
    /// Where one process is accused at several ports.
    pub(super) port: Option<u16>,
}

impl Blame {
    pub(super) fn is_of(&self, suspect: &Value) -> bool {
        // The label is for the first names that come (`--max-series`); the name is for all.
        let label = if suspect["process"] == "~other" { "name" } else { "process" };
        self.process.split('|').any(|name| suspect[label] == name)
            && (suspect["state"] == self.state || self.state == "any")
            && (suspect["kind"] == self.kind || self.kind == "any")
            && self.port.is_none_or(|port| suspect["service_port"] == port)
    }

    /// Whether these suspects, all that are of this blame, are right.
    fn holds(&self, found: &[&Value]) -> bool {
        let sum: u64 = found.iter().filter_map(|suspect| suspect["connections"].as_u64()).sum();
        let pids = found.iter().filter_map(|suspect| suspect["pids"].as_array()).flatten();
        let mut pids = pids.filter_map(|pid| u32::try_from(pid["pid"].as_u64()?).ok());
        let is_whose = self.pids.is_empty() || pids.all(|pid| self.pids.contains(&pid));
        let is_many = match self.many {
            Many::Exactly(count) => u64::try_from(count) == Ok(sum),
            Many::Maybe => return is_whose,
            Many::Growing(rate) => found.iter().any(|suspect| {
                suspect["growth_per_minute"]
                    .as_f64()
                    .is_some_and(|growth| (growth - rate).abs() <= NEAR * rate)
            }),
        };
        is_whose && is_many && !found.is_empty()
    }
}

/// The blames that no suspect agrees with.
pub(super) fn missing<'a>(blames: &'a [Blame], suspects: &[Value]) -> Vec<&'a Blame> {
    let holds = |blame: &&Blame| {
        let of: Vec<_> = suspects.iter().filter(|suspect| blame.is_of(suspect)).collect();
        !blame.holds(&of)
    };
    blames.iter().filter(holds).collect()
}
