//! A group of connections as a suspect: the kind of leak, a score, and the evidence.
//!
//! Used by [`super::Watch`], which ranks the candidates and shows the first.

mod candidate;
pub(crate) mod sentence;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

pub(crate) use self::candidate::Candidate;
use super::exhaustion::{Level, Resource};
use super::survey::Group;
use super::target::Target;
use super::trend::Exhaustion;
use crate::conn::RowView;
use crate::listing::answer::{Connection, seconds};

/// The most process ids of a suspect: those with most connections.
const MAX_PIDS: usize = 5;
/// The most peers of a suspect.
const MAX_TARGETS: usize = 5;

/// A suspect with its evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Suspect {
    /// The evidence as a sentence.
    pub(crate) sentence: String,
    /// The kind of leak: `never_closed`, `never_read`, `never_accepted`, `no_answer`,
    /// `half_closed`, `unacknowledged`, `established_growing`, `pool_stale`,
    /// `idle_without_keepalive` or `mptcp_close_wait`.
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
    /// When the accept queue is full that the connections wait in; `None` unless it grows by the
    /// trend test.
    pub(crate) accept_queue_exhausted: Option<InSeconds>,
    /// A name of the first process that an operator recognises: the unit, script or main class
    /// where `process` is the name of a runtime, or cut. Empty if it cannot be read.
    pub(crate) name: String,
    /// Its command line without secrets, 256 bytes at most; its executable and script only, unless
    /// the agent answers on a socket file. Empty if it cannot be read.
    pub(crate) command_line: String,
    /// When it was started, RFC 3339, UTC.
    pub(crate) started_at: Option<String>,
    /// Where most connections lead to, at most five; the ports of a server's clients are left out.
    pub(crate) peers: Vec<Target>,
    /// Processes beside `pids` that hold the listener which its connections wait at.
    pub(crate) other_holders: Vec<u32>,
    /// The process at the other end of the first of `sample`; `None` if it is not on this host.
    pub(crate) peer_process: Option<String>,
    /// Its id.
    pub(crate) peer_pid: Option<u32>,
    /// Its workload.
    pub(crate) peer_workload: Option<String>,
    /// The state there.
    pub(crate) peer_state: Option<String>,
    /// Of `established_growing`: the process of this host whose connections grow too and end here,
    /// and are at least half as many: these follow from those.
    pub(crate) cause_process: Option<String>,
    /// Its id.
    pub(crate) cause_pid: Option<u32>,
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
    /// Of a client: how many its process has inherited and never used: it was forked after their
    /// handshake. 0 if the suspect is about a part of the group only.
    pub(crate) inherited: u64,
    /// In ESTABLISHED: how many have been idle for five minutes (client) or an hour (server).
    pub(crate) idle: u64,
    /// In ESTABLISHED: how many of those older than a minute were used at their birth only.
    pub(crate) used_once: u64,
    /// In ESTABLISHED: how many are older than a minute; one without a known birth only if it is in
    /// use.
    pub(crate) older: u64,
    /// In ESTABLISHED: how many have a birth that was not seen.
    #[serde(skip)]
    pub(crate) births_unseen: u64,
    /// Of `established_growing`: how many connections of the service were closed in
    /// `growth_over_seconds`; `None` if that is not known.
    pub(crate) closed: Option<u64>,
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

/// Returns what to do next: descriptors that a child has inherited are closed elsewhere.
fn next_step(candidate: &Candidate<'_>) -> &'static str {
    let verdict = candidate.verdict;
    if verdict.accuses && is_inherited(candidate.inherited(), verdict.connections) {
        "set close-on-exec (FD_CLOEXEC) in the process that opens the connections, or close them \
         in the child"
    } else {
        verdict.kind.next_step(verdict.accuses)
    }
}

/// Returns whether nearly all connections of a group are inherited.
const fn is_inherited(inherited: u64, count: u64) -> bool {
    inherited > 0 && inherited.saturating_mul(10) >= count.saturating_mul(9)
}

impl From<Exhaustion> for InSeconds {
    fn from(when: Exhaustion) -> Self {
        Self { from: when.low.round(), about: when.mid.round(), to: when.high.map(f64::round) }
    }
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
            kind: kind.as_str().to_owned(),
            meaning: kind.meaning(verdict.accuses).to_owned(),
            certainty: verdict.certainty.as_str().to_owned(),
            trend: verdict.trend,
            expected: candidate.expected.map(str::to_owned),
            peers: group.targets(MAX_TARGETS),
            next_step: next_step(candidate).to_owned(),
            runbook: kind.runbook(key.state).to_owned(),
            score,
            process: key.process.to_string(),
            workload: key.workload.to_string(),
            role: key.role.as_str().to_owned(),
            state: key.state.as_str().to_owned(),
            service_port: key.service_port,
            connections: verdict.connections,
            orphans: group.orphans,
            inherited: candidate.inherited(),
            idle: tally.idle,
            used_once: tally.used_once,
            older: tally.aged,
            births_unseen: tally.births_unseen,
            closed: verdict.closed,
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
            connections_of_other_pids: group.beyond_pids,
            sample: group.sample.iter().map(|row| Connection::of(row, now)).collect(),
            ..Self::default()
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

    /// Takes how much of a resource is in use, and when it runs out.
    pub(super) fn take_level(
        &mut self,
        resource: &Resource,
        level: Level,
        exhaustion: Option<Exhaustion>,
    ) {
        let when = exhaustion.map(InSeconds::from);
        let limit = match resource {
            Resource::Descriptors(_) => {
                self.descriptors = Some(level.used);
                self.descriptor_limit = Some(level.limit);
                self.descriptors_exhausted = when;
                format!("at the descriptor limit ({})", level.limit)
            }
            Resource::AcceptQueue(..) => {
                self.accept_queue_exhausted = when;
                "its accept queue is full".to_owned()
            }
            Resource::Ports(_) => return,
        };
        if let Some(when) = when {
            self.sentence.push_str(&sentence::exhaustion(&limit, &when));
        }
    }

    /// Takes the processes, those with most connections first.
    fn take_pids(&mut self, group: &Group) {
        let pid = |(pid, connections): &(u32, u64)| Pid { pid: *pid, connections: *connections };
        self.pids = group.pids.iter().map(pid).collect();
        self.pids.sort_by_key(|pid| (Reverse(pid.connections), pid.pid));
    }
}
