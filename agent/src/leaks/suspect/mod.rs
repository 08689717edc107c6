//! A group of connections as a suspect: the kind of leak, a score, and the evidence.
//!
//! Used by [`super::Watch`], which ranks the candidates and shows the first.

mod sentence;

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use super::exhaustion::Level;
use super::judge::{Certainty, Verdict};
use super::kind::Kind;
use super::survey::{Group, Key};
use super::trend::Exhaustion;
use crate::conn::RowView;
use crate::listing::answer::{Connection, seconds};

/// The most process ids of a suspect: those with most connections.
const MAX_PIDS: usize = 5;

/// A verdict on a group with its score, but without texts: only a few of many candidates are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    key: &'a Key,
    group: &'a Group,
    verdict: Verdict,
    score: u64,
    /// Why it is expected, if it is.
    expected: Option<&'a str>,
    /// Whether its process runs out of descriptors.
    pub(crate) runs_out: bool,
}

impl<'a> Candidate<'a> {
    /// Returns a verdict on a group with its score.
    #[must_use]
    pub(crate) fn new(
        key: &'a Key,
        group: &'a Group,
        verdict: Verdict,
        expected: Option<&'a str>,
    ) -> Self {
        let score = score(&verdict, group);
        Self { key, group, verdict, score, expected, runs_out: false }
    }

    /// Returns whether it accuses; if not, it is a note. What is expected accuses nobody.
    #[must_use]
    pub(crate) const fn accuses(&self) -> bool {
        self.verdict.accuses && self.expected.is_none()
    }

    /// Returns a connection whose peer does not answer, if that is what is wrong.
    #[must_use]
    pub(crate) fn unanswered(&self) -> Option<&RowView> {
        self.group.sample.first().filter(|_| self.verdict.kind == Kind::NoAnswer)
    }

    /// Returns how sure it is.
    #[must_use]
    pub(crate) const fn certainty(&self) -> Certainty {
        self.verdict.certainty
    }

    /// Returns the process with most of the connections.
    #[must_use]
    pub(crate) fn first_pid(&self) -> Option<u32> {
        let most = self.group.pids.iter().max_by_key(|(pid, count)| (*count, Reverse(*pid)));
        most.map(|(pid, _)| *pid)
    }

    /// Orders what grows towards a limit first; then by score, the highest first; then by number;
    /// then by age, the oldest first; then by name, so that the same table gives the same order.
    #[must_use]
    pub(crate) fn rank(&self, other: &Self) -> Ordering {
        let grows = |one: &Self| one.runs_out && one.verdict.trend;
        let numbers = |one: &Self| Reverse((grows(one), one.score, one.verdict.connections));
        let names = |one: &Self| {
            let key = one.key;
            (&key.process, &key.workload, key.state, key.role, key.service_port, one.verdict.kind)
        };
        numbers(self)
            .cmp(&numbers(other))
            .then(self.group.since.cmp(&other.group.since))
            .then_with(|| names(self).cmp(&names(other)))
    }
}

/// A suspect with its evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Suspect {
    /// The evidence as a sentence.
    pub(crate) sentence: String,
    /// The kind of leak: `never_closed`, `never_read`, `never_accepted`, `no_answer`,
    /// `half_closed`, `unacknowledged`, `established_growing`, `pool_stale` or
    /// `idle_without_keepalive`.
    pub(crate) kind: String,
    /// What that means.
    pub(crate) meaning: String,
    /// How sure it is: `possible` or `likely`.
    pub(crate) certainty: String,
    /// Whether the number grows by the trend test, on which alerts and the time to exhaustion rest.
    pub(crate) trend: bool,
    /// Why it is expected, as the configuration says; `None` if it is not.
    pub(crate) expected: Option<String>,
    /// How many descriptors the first of `pids` has open, and may have; `None` if not known.
    pub(crate) descriptors: Option<u32>,
    /// The limit of that.
    pub(crate) descriptor_limit: Option<u32>,
    /// When it reaches the limit; `None` unless the number grows by the trend test.
    pub(crate) descriptors_exhausted: Option<InSeconds>,
    /// What to do next.
    pub(crate) next_step: String,
    /// The page of docs/runbooks about it, without the ending.
    pub(crate) runbook: String,
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
    /// How many connections it is about.
    pub(crate) connections: u64,
    /// How many of the group have no descriptor any more: nobody holds them.
    pub(crate) orphans: u64,
    /// In ESTABLISHED: how many have been idle for five minutes (client) or an hour (server).
    pub(crate) idle: u64,
    /// In ESTABLISHED: how many of those older than a minute were used at their birth only.
    pub(crate) used_once: u64,
    /// In ESTABLISHED: how long the one that has been idle for longest has been.
    pub(crate) longest_idle_seconds: f64,
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

/// A time from now on, as a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct InSeconds {
    /// The earliest.
    pub(crate) from: f64,
    /// The estimate.
    pub(crate) about: f64,
    /// The latest; `None` if it may never be.
    pub(crate) to: Option<f64>,
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
    /// Returns the suspect at `now` (`CLOCK_MONOTONIC`, nanoseconds). `listener` is the one of this
    /// host that does not answer it.
    #[must_use]
    pub(crate) fn of(candidate: &Candidate<'_>, listener: Option<&RowView>, now: u64) -> Self {
        let Candidate { key, group, verdict, score, .. } = *candidate;
        let (kind, growth, tally) = (verdict.kind, verdict.growth, &group.tally);
        let [unaccepted, unread, read] = tally.stages;
        let [minute, five, hour] = group.older_than;
        let mut suspect = Self {
            sentence: String::new(),
            kind: kind.as_str().to_owned(),
            meaning: kind.meaning().to_owned(),
            certainty: verdict.certainty.as_str().to_owned(),
            trend: verdict.trend,
            expected: candidate.expected.map(str::to_owned),
            descriptors: None,
            descriptor_limit: None,
            descriptors_exhausted: None,
            next_step: kind.next_step().to_owned(),
            runbook: kind.runbook().to_owned(),
            score,
            process: key.process.to_string(),
            workload: key.workload.to_string(),
            role: key.role.as_str().to_owned(),
            state: key.state.as_str().to_owned(),
            service_port: key.service_port,
            connections: verdict.connections,
            orphans: group.orphans,
            idle: tally.idle,
            used_once: tally.used_once,
            longest_idle_seconds: seconds(tally.longest_idle),
            oldest_age_seconds: seconds(now.saturating_sub(group.since)),
            oldest_age_at_least: group.since_at_least,
            older_than_60: minute,
            older_than_300: five,
            older_than_3600: hour,
            unaccepted: unaccepted + if key.state.can_leak() { 0 } else { tally.unaccepted },
            unread,
            read,
            growth_per_minute: growth.map(|growth| (growth.per_minute * 10.0).round() / 10.0),
            growth_over_seconds: growth.map(|growth| seconds(growth.over)),
            pids: Vec::new(),
            connections_of_other_pids: group.beyond_pids,
            sample: group.sample.iter().map(|row| Connection::of(row, now)).collect(),
        };
        suspect.take_pids(group);
        if let Some(listener) = listener {
            suspect.take_listener(listener);
        }
        suspect.sentence = sentence::sentence(&suspect, key.role, verdict.kind);
        let shown = suspect.pids.len().min(MAX_PIDS);
        suspect.connections_of_other_pids +=
            suspect.pids.drain(shown..).map(|pid| pid.connections).sum::<u64>();
        suspect
    }

    /// Takes the listener of this host that does not answer: with a full accept queue the kernel
    /// drops every SYN (`tcp_conn_request`, 5.10 to 6.18).
    fn take_listener(&mut self, listener: &RowView) {
        let (waiting, limit) = (listener.waiting.receive_queue, listener.waiting.send_queue);
        let whose = format!("process {} (pid {})", listener.process, listener.tgid);
        if waiting > limit {
            self.meaning = format!(
                "the accept queue of {whose} on this host is full ({waiting} of {limit}), so the \
                 kernel drops the SYN"
            );
            self.next_step = format!("find out why {whose} does not accept");
        } else {
            self.meaning = format!(
                "{whose} listens on this host and its accept queue is not full ({waiting} of \
                 {limit}): a firewall may drop the SYN"
            );
        }
    }

    /// Takes how many descriptors its first process has open, and when they run out.
    pub(super) fn take_level(&mut self, level: Level, exhaustion: Option<Exhaustion>) {
        self.descriptors = Some(level.used);
        self.descriptor_limit = Some(level.limit);
        self.descriptors_exhausted = exhaustion.map(|exhaustion| InSeconds {
            from: exhaustion.low_s.round(),
            about: exhaustion.mid_s.round(),
            to: exhaustion.high_s.map(f64::round),
        });
        if let Some(when) = self.descriptors_exhausted {
            self.sentence.push_str(&sentence::exhaustion(level.limit, &when));
        }
    }

    /// Takes the processes, those with most connections first.
    fn take_pids(&mut self, group: &Group) {
        let pid = |(pid, connections): &(u32, u64)| Pid { pid: *pid, connections: *connections };
        self.pids = group.pids.iter().map(pid).collect();
        self.pids.sort_by_key(|pid| (Reverse(pid.connections), pid.pid));
    }
}

/// Returns the score: the weight of the kind for each connection, doubled beyond each of the ages
/// (1, 2, 4, 8), and doubled again if the group grows by at least one connection a minute. The ages
/// are those of the whole group; what is about a part of it counts its part.
fn score(verdict: &Verdict, group: &Group) -> u64 {
    let [minute, five, hour] = group.older_than;
    let all = group.tally.count.max(1);
    let points = group.tally.count + minute + 2 * five + 4 * hour;
    let points = points.saturating_mul(verdict.connections) / all;
    let grows = verdict.growth.is_some_and(|growth| growth.per_minute >= 1.0);
    points.saturating_mul(verdict.kind.weight()).saturating_mul(if grows { 2 } else { 1 })
}
