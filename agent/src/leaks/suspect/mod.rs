//! A group of connections as a suspect: the kind of leak, a score, and the evidence.
//!
//! Used by [`super::Watch`], which ranks the candidates and shows the first.

mod sentence;

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use super::history::Growth;
use super::kind::Kind;
use super::survey::{Group, Key};
use crate::listing::answer::{Connection, seconds};

/// The most process ids of a suspect: those with most connections.
const MAX_PIDS: usize = 5;

/// A group with its score, but without texts: only a few of many candidates are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    key: &'a Key,
    group: &'a Group,
    growth: Option<Growth>,
    score: u64,
}

impl<'a> Candidate<'a> {
    /// Returns a group with its score.
    #[must_use]
    pub(crate) fn new(key: &'a Key, group: &'a Group, growth: Option<Growth>) -> Self {
        Self { key, group, growth, score: score(Kind::of(key.state, group.stages), group, growth) }
    }

    /// Orders by score, the highest first; then by age, the oldest first; then by name, so that the
    /// same table gives the same order.
    #[must_use]
    pub(crate) fn rank(&self, other: &Self) -> Ordering {
        let names =
            |key: &'a Key| (&key.process, &key.workload, key.state, key.role, key.service_port);
        let ages = self.group.oldest_since().cmp(&other.group.oldest_since());
        other.score.cmp(&self.score).then(ages).then_with(|| names(self.key).cmp(&names(other.key)))
    }
}

/// A suspect with its evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Suspect {
    /// The evidence as a sentence.
    pub(crate) sentence: String,
    /// The kind of leak: `never_closed`, `never_read`, `never_accepted`, `no_answer`,
    /// `half_closed` or `unacknowledged`.
    pub(crate) kind: String,
    /// What that means.
    pub(crate) meaning: String,
    /// The rank: larger is worse. It has no unit; docs/api.md has the formula.
    pub(crate) score: u64,
    /// The name of the owning process; `unknown` if it is not known.
    pub(crate) process: String,
    /// The unit, container or pod; `host` if it is in none.
    pub(crate) workload: String,
    /// `client`, `server` or `unknown`.
    pub(crate) role: String,
    /// The state.
    pub(crate) state: String,
    /// The service port; `None` for a group of several ports.
    pub(crate) service_port: Option<u16>,
    /// How many connections have been in the state for more than ten seconds.
    pub(crate) connections: u64,
    /// How long the oldest has been in the state.
    pub(crate) oldest_age_seconds: f64,
    /// Whether that is a lower bound.
    pub(crate) oldest_age_at_least: bool,
    /// How many have been in the state for more than a minute.
    pub(crate) older_than_60: u64,
    /// How many have been in the state for more than five minutes.
    pub(crate) older_than_300: u64,
    /// How many have been in the state for more than an hour.
    pub(crate) older_than_3600: u64,
    /// In CLOSE_WAIT: how many are in the accept queue.
    pub(crate) unaccepted: u64,
    /// In CLOSE_WAIT: how many have unread bytes or an unread end of the stream.
    pub(crate) unread: u64,
    /// In CLOSE_WAIT: how many were read to the end.
    pub(crate) read: u64,
    /// How many connections were added a minute; `None` if the history is too short.
    pub(crate) growth_per_minute: Option<f64>,
    /// The time over which the growth was measured.
    pub(crate) growth_over_seconds: Option<f64>,
    /// The processes with most connections, at most five.
    pub(crate) pids: Vec<Pid>,
    /// How many connections belong to other processes, or to no known one.
    pub(crate) connections_of_other_pids: u64,
    /// The oldest connections, at most three.
    pub(crate) sample: Vec<Connection>,
}

/// A process of a suspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pid {
    /// The process id.
    pub(crate) pid: u32,
    /// How many of the connections belong to it.
    pub(crate) connections: u64,
}

impl Suspect {
    /// Returns the suspect at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub(crate) fn of(candidate: &Candidate<'_>, now: u64) -> Self {
        let Candidate { key, group, growth, score } = *candidate;
        let kind = Kind::of(key.state, group.stages);
        let [unaccepted, unread, read] = group.stages;
        let [minute, five, hour] = group.older_than;
        let mut pids: Vec<_> = group
            .pids
            .iter()
            .map(|(pid, connections)| Pid { pid: *pid, connections: *connections })
            .collect();
        pids.sort_by_key(|pid| (Reverse(pid.connections), pid.pid));
        let oldest = group.oldest.first();
        let mut suspect = Self {
            sentence: String::new(),
            kind: kind.as_str().to_owned(),
            meaning: kind.meaning().to_owned(),
            score,
            process: key.process.to_string(),
            workload: key.workload.to_string(),
            role: key.role.as_str().to_owned(),
            state: key.state.as_str().to_owned(),
            service_port: key.service_port,
            connections: group.count,
            oldest_age_seconds: oldest.map_or(0.0, |row| seconds(now.saturating_sub(row.entered))),
            oldest_age_at_least: oldest.is_some_and(|row| row.entered_before),
            older_than_60: minute,
            older_than_300: five,
            older_than_3600: hour,
            unaccepted,
            unread,
            read,
            growth_per_minute: growth.map(|growth| (growth.per_minute * 10.0).round() / 10.0),
            growth_over_seconds: growth.map(|growth| seconds(growth.over)),
            pids,
            connections_of_other_pids: group.beyond_pids,
            sample: group.oldest.iter().map(|row| Connection::of(row, now)).collect(),
        };
        suspect.sentence = sentence::sentence(&suspect, key.role);
        let shown = suspect.pids.len().min(MAX_PIDS);
        suspect.connections_of_other_pids +=
            suspect.pids.drain(shown..).map(|pid| pid.connections).sum::<u64>();
        suspect
    }
}

/// Returns the score: the weight of the kind for each connection, doubled beyond each of the ages
/// (1, 2, 4, 8), and doubled again if the group grows by at least one connection a minute.
fn score(kind: Kind, group: &Group, growth: Option<Growth>) -> u64 {
    let [minute, five, hour] = group.older_than;
    let points = group.count + minute + 2 * five + 4 * hour;
    let grows = growth.is_some_and(|growth| growth.per_minute >= 1.0);
    points.saturating_mul(kind.weight()).saturating_mul(if grows { 2 } else { 1 })
}
