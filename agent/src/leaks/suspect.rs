//! A group as a suspect: what kind of leak it looks like, how bad, and a sentence that says so.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::Growth;
use super::survey::{Group, Key};
use crate::conn::labels::{Role, SocketState, Stage};
use crate::duration_text;
use crate::listing::answer::{Connection, seconds};
use crate::workload::HOST;

/// The process ids that are shown, those with most connections.
const PIDS: usize = 5;

/// What a group looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CLOSE_WAIT, most of them read to the end: the close was forgotten.
    NeverClosed,
    /// CLOSE_WAIT, most of them with something unread: nobody reads.
    NeverRead,
    /// CLOSE_WAIT, most of them in the accept queue: nobody accepts.
    NeverAccepted,
    /// SYN_SENT: nobody answers.
    NoAnswer,
    /// FIN_WAIT2 with a descriptor.
    HalfClosed,
    /// FIN_WAIT1, LAST_ACK, CLOSING: the peer does not acknowledge.
    Unacknowledged,
}

impl Kind {
    /// The kind of connections in a state that should pass; in CLOSE_WAIT the stage in which most
    /// of them are.
    fn of(state: SocketState, stages: [u64; Stage::COUNT]) -> Self {
        let [unaccepted, unread, read] = stages;
        match state {
            SocketState::CloseWait if read >= unaccepted.max(unread) => Self::NeverClosed,
            SocketState::CloseWait if unread >= unaccepted => Self::NeverRead,
            SocketState::CloseWait => Self::NeverAccepted,
            SocketState::SynSent => Self::NoAnswer,
            SocketState::FinWait2 => Self::HalfClosed,
            _ => Self::Unacknowledged,
        }
    }

    /// The text in JSON.
    const fn as_str(self) -> &'static str {
        match self {
            Self::NeverClosed => "never_closed",
            Self::NeverRead => "never_read",
            Self::NeverAccepted => "never_accepted",
            Self::NoAnswer => "no_answer",
            Self::HalfClosed => "half_closed",
            Self::Unacknowledged => "unacknowledged",
        }
    }

    /// What it means.
    const fn meaning(self) -> &'static str {
        match self {
            Self::NeverClosed => {
                "the peer closed, everything was read, and this side never closed: a descriptor leak"
            }
            Self::NeverRead => {
                "the peer closed, and nobody reads what it sent or the end of the stream: a stuck or lost reader"
            }
            Self::NeverAccepted => {
                "the peer came and went in the accept queue: the process does not accept"
            }
            Self::NoAnswer => {
                "the peer's host does not answer the SYN: wrong address, firewall, or host down"
            }
            Self::HalfClosed => {
                "this side closed its half and keeps the descriptor; the peer never closed"
            }
            Self::Unacknowledged => {
                "this side closed and the peer does not acknowledge it: peer or path gone"
            }
        }
    }

    /// How much worse than others: what only the process itself can end weighs most, what the
    /// kernel ends after its last retransmission least.
    const fn weight(self) -> u64 {
        match self {
            Self::NeverClosed | Self::NeverRead | Self::NeverAccepted => 4,
            Self::NoAnswer => 3,
            Self::HalfClosed => 2,
            Self::Unacknowledged => 1,
        }
    }
}

/// A group that is judged, not worded yet: of many only few are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    key: &'a Key,
    group: &'a Group,
    growth: Option<Growth>,
    score: u64,
}

impl<'a> Candidate<'a> {
    /// Judges a group.
    #[must_use]
    pub(crate) fn new(key: &'a Key, group: &'a Group, growth: Option<Growth>) -> Self {
        Self { key, group, growth, score: score(Kind::of(key.state, group.stages), group, growth) }
    }

    /// The worse first; of equals the older, then by name, so that the order does not change by
    /// chance.
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
    /// What it looks like: `never_closed`, `never_read`, `never_accepted`, `no_answer`,
    /// `half_closed` or `unacknowledged`.
    pub(crate) kind: String,
    /// What that means.
    pub(crate) meaning: String,
    /// By what suspects are ranked; it has no unit. See docs/api.md.
    pub(crate) score: u64,
    /// The owner's name, `unknown` where none is known.
    pub(crate) process: String,
    /// Unit, container or pod; `host` where it is in none.
    pub(crate) workload: String,
    /// The side.
    pub(crate) role: String,
    /// The state.
    pub(crate) state: String,
    /// The service port; none where ports are not told apart.
    pub(crate) service_port: Option<u16>,
    /// Connections that have been in the state for more than ten seconds.
    pub(crate) connections: u64,
    /// For how long the oldest has.
    pub(crate) oldest_age_seconds: f64,
    /// Whether that is a lower bound.
    pub(crate) oldest_age_at_least: bool,
    /// How many have for more than a minute.
    pub(crate) older_than_60: u64,
    /// How many have for more than five minutes.
    pub(crate) older_than_300: u64,
    /// How many have for more than an hour.
    pub(crate) older_than_3600: u64,
    /// Of those in CLOSE_WAIT: how many wait in the accept queue.
    pub(crate) unaccepted: u64,
    /// Of those in CLOSE_WAIT: how many have something unread, if only the end of the stream.
    pub(crate) unread: u64,
    /// Of those in CLOSE_WAIT: how many were read to the end.
    pub(crate) read: u64,
    /// By how many they grew a minute; none where that cannot be told yet.
    pub(crate) growth_per_minute: Option<f64>,
    /// Over how long that was.
    pub(crate) growth_over_seconds: Option<f64>,
    /// The processes, those with most connections first, at most five.
    pub(crate) pids: Vec<Pid>,
    /// Connections of other processes, or of none that is known.
    pub(crate) connections_of_other_pids: u64,
    /// The oldest connections, at most three.
    pub(crate) sample: Vec<Connection>,
}

/// A process of a suspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pid {
    /// Its id.
    pub(crate) pid: u32,
    /// How many of the connections are its.
    pub(crate) connections: u64,
}

impl Suspect {
    /// A group as a suspect at `now`.
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
        pids.sort_by_key(|pid| (std::cmp::Reverse(pid.connections), pid.pid));
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
        suspect.sentence = sentence(&suspect, key.role);
        let shown = suspect.pids.len().min(PIDS);
        suspect.connections_of_other_pids +=
            suspect.pids.drain(shown..).map(|pid| pid.connections).sum::<u64>();
        suspect
    }
}

/// The weight of the kind for each connection, doubled past each of the ages (1, 2, 4, 8), and
/// doubled once more for a group that grows by at least one a minute.
fn score(kind: Kind, group: &Group, growth: Option<Growth>) -> u64 {
    let [minute, five, hour] = group.older_than;
    let points = group.count + minute + 2 * five + 4 * hour;
    let grows = growth.is_some_and(|growth| growth.per_minute >= 1.0);
    points.saturating_mul(kind.weight()).saturating_mul(if grows { 2 } else { 1 })
}

/// `process orders-api (pid 4711) in orders.service holds 412 close_wait connections towards port
/// 5432, the oldest 3 h 12 min, growing by 2 a minute`.
fn sentence(suspect: &Suspect, role: Role) -> String {
    let Suspect { process, state, connections, .. } = suspect;
    let mut text = match (suspect.pids.as_slice(), suspect.connections_of_other_pids) {
        ([], _) if process == "unknown" => "a process that is not known".to_owned(),
        ([], _) => format!("process {process}"),
        ([one], 0) => format!("process {process} (pid {})", one.pid),
        ([most, ..], _) => format!("process {process} (several pids, most in {})", most.pid),
    };
    // Writing to a String cannot fail.
    if suspect.workload != HOST {
        let _ = write!(text, " in {}", suspect.workload);
    }
    let plural = if *connections == 1 { "connection" } else { "connections" };
    let _ = write!(text, " holds {connections} {state} {plural}");
    let _ = match (suspect.service_port, role) {
        (None, _) => write!(text, " of several ports"),
        (Some(port), Role::Client) => write!(text, " towards port {port}"),
        (Some(port), Role::Server) => write!(text, " on its port {port}"),
        (Some(port), Role::Unknown) => write!(text, " with port {port}"),
    };
    text.push_str(&stages(suspect));
    let bound = if suspect.oldest_age_at_least { "at least " } else { "" };
    let age = Duration::try_from_secs_f64(suspect.oldest_age_seconds).unwrap_or_default();
    let _ = write!(
        text,
        ", {} {bound}{}",
        if *connections == 1 { "for" } else { "the oldest" },
        duration_text::long(age)
    );
    // As it is shown: to a whole number, except where it is so small.
    let _ = match suspect.growth_per_minute {
        None => Ok(()),
        Some(growth) if growth.abs() < 0.1 => write!(text, ", steady"),
        Some(growth) if growth.abs() < 1.0 => {
            write!(text, ", {} by {:.1} a minute", direction(growth), growth.abs())
        }
        Some(growth) => write!(text, ", {} by {:.0} a minute", direction(growth), growth.abs()),
    };
    text
}

/// How far those in CLOSE_WAIT have come, the stage of most of them: `, 400 of them read but never
/// closed`.
fn stages(suspect: &Suspect) -> String {
    let all = suspect.connections;
    let known = [
        (suspect.read, "read but never closed"),
        (suspect.unread, "not read to the end"),
        (suspect.unaccepted, "never accepted"),
    ];
    match known.into_iter().rev().max_by_key(|(count, _)| *count) {
        None | Some((0, _)) => String::new(),
        Some((count, words)) if count == all => format!(", {words}"),
        Some((count, words)) => format!(", {count} of them {words}"),
    }
}

const fn direction(growth: f64) -> &'static str {
    if growth > 0.0 { "growing" } else { "shrinking" }
}
