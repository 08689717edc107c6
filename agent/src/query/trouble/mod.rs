//! `tcpwarden trouble`, `/api/v1/trouble`: which connects fail or are slow, which connections are
//! reset or retransmit: by process and destination, in sentences.
//!
//! The table counts what has ended (`conn::account::troubles`); a walk adds what connections that
//! live have retransmitted, and the connects that wait. `causes` looks for full accept queues.

mod causes;
mod live;
pub(super) mod rows;
mod sentence;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::columns::{self, Naming};
use super::parameter::Parameter;
use super::view::View;
use super::which::{self, Which};
use super::{Query, Source, value};
use crate::conn::trouble::{Trouble, TroubleKind};
use crate::duration_text;
use crate::ingest::lock;
use crate::listing::answer::{Taken, seconds};
use crate::listing::filter::Filter;
use causes::FullQueues;
use rows::LINES;

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TroubleQuery {
    /// The kinds; none stands for all.
    kinds: Vec<TroubleKind>,
    filter: Filter,
    /// How long ago it was last seen, at most.
    since: Duration,
    limit: usize,
}

impl Default for TroubleQuery {
    fn default() -> Self {
        Self { kinds: Vec::new(), filter: Filter::ALL, since: Duration::from_hours(1), limit: 20 }
    }
}

impl Which for TroubleQuery {
    fn filter(&mut self) -> &mut Filter {
        &mut self.filter
    }
}

impl Query for TroubleQuery {
    const NAME: &'static str = "trouble";
    const ABOUT: &'static str = "which connects fail or are slow, what is reset or retransmits";
    const NOTES: &'static str = "\
Kinds: failures (connects that came to nothing, with the reason), slow (connects that took a second
or longer, or still wait), resets (connections that a reset broke off), retransmits (of
segments). A line is a process with one destination: how often, since when. What has been
quiet for an hour is not listed. Counts are lower bounds if more than 1024 destinations of a kind
are in trouble; the last line says how much was left out.

Examples:
  tcpwarden trouble
  tcpwarden trouble --kind failures --process orders-api
  tcpwarden trouble --kind retransmits --peer 10.0.0.0/8 --since 5m
  tcpwarden trouble -o wide
  tcpwarden trouble --json | jq -r '.troubles[].sentence'
";
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::list("kind", "KINDS", |query: &mut Self, text| {
            query.kinds.push(value::choice(text, &TroubleKind::ALL)?);
            Ok(())
        })
        .under("Which troubles")
        .help("Of these kinds: failures, slow, resets, retransmits [default: all]"),
        Parameter::one("since", "DURATION", |query: &mut Self, text| {
            query.since = value::duration(text)?;
            Ok(())
        })
        .under("Which troubles")
        .help("Last seen at most this long ago [default: 1h]"),
        which::process(),
        which::workload(),
        which::service_port(),
        which::peer(),
        which::role(),
        which::netns(),
        Parameter::one("limit", "N", |query: &mut Self, text| {
            query.limit = value::limit(text)?;
            Ok(())
        })
        .short('n')
        .help("At most this many of each kind, 1 to 1000 [default: 20]"),
    ];
    type Answer = Troubles;

    fn answer(&self, source: &Source, now: u64) -> Troubles {
        let (wall, table) = (SystemTime::now(), &source.table);
        let mut answer = Troubles { taken: Taken::at(wall, now), ..Troubles::default() };
        let live = live::troubles(table, &self.filter, now);
        answer.left_out = live.left_out;
        let mut shown = Vec::new();
        for (_, kind) in TroubleKind::ALL {
            if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
                continue;
            }
            let (ended, left_out) = lock(table).view().troubles(kind);
            answer.left_out += left_out;
            let alive = live.entries.iter().filter(|one| one.kind == kind).cloned();
            let all = ended.into_iter().filter(|one| self.matches(one)).chain(alive);
            let mut all = live::merged(all);
            all.retain(|one| self.is_recent(one, now));
            all.sort_by(|one, other| {
                let order = |one: &Trouble| (one.count, one.last);
                order(other).cmp(&order(one)).then_with(|| one.peer.cmp(&other.peer))
            });
            answer.matched += all.len();
            all.truncate(self.limit);
            shown.extend(all);
        }
        let queues = FullQueues::of(table, &shown);
        answer.troubles =
            shown.iter().map(|one| Line::of(one, queues.cause(one), wall, now)).collect();
        answer.returned = answer.troubles.len();
        answer.truncated = answer.matched > answer.returned;
        answer
    }

    fn columns(&self) -> Vec<Naming> {
        columns::names(LINES)
    }

    fn write(answer: &Troubles, view: &View, page: &mut String) {
        rows::write(answer, view, page);
    }
}

impl TroubleQuery {
    fn matches(&self, one: &Trouble) -> bool {
        let any = |address: Ipv6Addr| address.to_canonical();
        let Filter { processes, workloads, service_ports, peer, roles, netns, .. } = &self.filter;
        holds(processes, |pattern| pattern.matches(&one.process))
            && holds(workloads, |pattern| pattern.matches(&one.workload))
            && holds(service_ports, |port| *port == one.port)
            && holds(peer, |end| end.holds(any(one.peer), one.port))
            && holds(roles, |role| *role == one.role)
            && holds(netns, |netns| *netns == one.netns)
    }

    fn is_recent(&self, one: &Trouble, now: u64) -> bool {
        u128::from(now.saturating_sub(one.last)) <= self.since.as_nanos()
    }
}

fn holds<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

/// The answer: the largest count of each kind first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the field names are those of the JSON")]
pub(crate) struct Troubles {
    /// When the answer was made.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// How many destinations in trouble match.
    pub(crate) matched: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// How much went wrong towards destinations that were too many to keep, since the start.
    pub(crate) left_out: u64,
    /// Processes with their destinations.
    pub(crate) troubles: Vec<Line>,
}

/// A process in trouble with one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    /// `failures`, `slow`, `resets` or `retransmits`.
    pub(crate) kind: String,
    /// All of it as a sentence.
    pub(crate) sentence: String,
    /// Why: as the label `reason` of the metrics; `waiting` for a connect that still waits.
    pub(crate) reason: Option<String>,
    /// What on this machine is the cause, if that is known.
    pub(crate) cause: Option<String>,
    /// The name of the process, as in the metrics.
    pub(crate) process: String,
    /// The workload.
    pub(crate) workload: String,
    /// The process id of the latest; `None` if the owner is not known.
    pub(crate) pid: Option<u32>,
    /// `client`, `server` or `unknown`.
    pub(crate) role: String,
    /// The inode of the network namespace.
    pub(crate) netns: u32,
    /// The peer's address.
    pub(crate) peer_address: IpAddr,
    /// The service port: remote of a client, local of a server.
    pub(crate) port: u16,
    /// How often: connects, connections or segments.
    pub(crate) count: u64,
    /// When it was first seen, wall clock, RFC 3339, UTC.
    pub(crate) first_seen: String,
    /// When it was last seen.
    pub(crate) last_seen: String,
    /// How long ago it was first seen.
    pub(crate) first_seen_seconds: f64,
    /// How long ago it was last seen.
    pub(crate) last_seen_seconds: f64,
    /// The longest connect of a slow destination.
    pub(crate) longest_seconds: Option<f64>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            kind: String::new(),
            sentence: String::new(),
            reason: None,
            cause: None,
            process: String::new(),
            workload: String::new(),
            pid: None,
            role: String::new(),
            netns: 0,
            peer_address: Ipv6Addr::UNSPECIFIED.into(),
            port: 0,
            count: 0,
            first_seen: String::new(),
            last_seen: String::new(),
            first_seen_seconds: 0.0,
            last_seen_seconds: 0.0,
            longest_seconds: None,
        }
    }
}

impl Line {
    fn of(one: &Trouble, cause: Option<String>, wall: SystemTime, now: u64) -> Self {
        let ago = |time: u64| Duration::from_nanos(now.saturating_sub(time));
        let at =
            |time| wall.checked_sub(ago(time)).map_or_else(String::new, duration_text::rfc3339);
        Self {
            kind: one.kind.as_str().to_owned(),
            sentence: sentence::sentence(one, now),
            reason: (!one.reason.is_empty()).then(|| one.reason.to_owned()),
            cause,
            process: one.process.to_string(),
            workload: one.workload.to_string(),
            pid: (one.tgid != 0).then_some(one.tgid),
            role: one.role.as_str().to_owned(),
            netns: one.netns,
            peer_address: one.peer.to_canonical(),
            port: one.port,
            count: one.count,
            first_seen: at(one.first),
            last_seen: at(one.last),
            first_seen_seconds: seconds(now.saturating_sub(one.first)),
            last_seen_seconds: seconds(now.saturating_sub(one.last)),
            longest_seconds: (one.longest > 0).then(|| seconds(one.longest)),
        }
    }
}
