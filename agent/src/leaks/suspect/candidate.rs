//! A verdict on a group, with its place among others.
//!
//! Made by `leaks` for each verdict; the first few become suspects.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use catalogue::labels::{OTHER, Role};

use crate::conn::RowView;
use crate::leaks::exhaustion::Resource;
use crate::leaks::judge::{Certainty, Verdict};
use crate::leaks::kind::Kind;
use crate::leaks::survey::{Group, Key};
use crate::leaks::target::Target;

/// A verdict on a group with its score, but without texts: only a few of many candidates are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(super) key: &'a Key,
    pub(super) group: &'a Group,
    pub(super) verdict: Verdict,
    pub(crate) score: u64,
    /// Why it is expected, if it is.
    pub(super) expected: Option<&'a str>,
    /// Whether its process runs out of descriptors, or its listener of room.
    pub(crate) runs_out: bool,
    /// How many processes of this host are in the chain of which it is the end: 0 if it follows
    /// from none.
    pub(crate) follows: u32,
    /// The name and id of that process, if it is accused too.
    pub(crate) cause: Option<(&'a str, u32)>,
    /// Whether it drives another process of this host to its limit.
    pub(crate) exhausts: bool,
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
        let accuses = verdict.accuses && expected.is_none();
        let score = if accuses { score(&verdict, group) } else { 0 };
        Self {
            key,
            group,
            verdict,
            score,
            expected,
            runs_out: false,
            follows: 0,
            cause: None,
            exhausts: false,
        }
    }

    /// Returns whether it accuses; if not, it is a note. What is expected accuses nobody.
    #[must_use]
    pub(crate) const fn accuses(&self) -> bool {
        self.verdict.accuses && self.expected.is_none()
    }

    /// Returns how many of its connections are inherited; 0 if it is about a part of the group.
    pub(super) fn inherited(&self) -> u64 {
        let is_whole = self.verdict.connections == self.group.tally.count;
        if is_whole { self.group.tally.inherited } else { 0 }
    }

    /// Returns the name and the workload of its process.
    #[must_use]
    pub(crate) fn process(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.key.process), Arc::clone(&self.key.workload))
    }

    /// Returns what its connections use up: the descriptors of its first process, and the accept
    /// queue that they wait in.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource> + use<> {
        let (process, workload) = self.process();
        let queue = Resource::AcceptQueue(process, workload, self.key.service_port);
        let queue = self.waits_at_listener().then_some(queue);
        self.first_pid().map(Resource::Descriptors).into_iter().chain(queue)
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

    /// Returns the name of its workload.
    #[must_use]
    pub(crate) fn workload(&self) -> String {
        self.key.workload.to_string()
    }

    /// Returns the most telling of its connections.
    #[must_use]
    pub(crate) fn first_row(&self) -> Option<&RowView> {
        self.group.sample.first()
    }

    /// Returns what kind of leak it is.
    #[must_use]
    pub(crate) const fn kind(&self) -> Kind {
        self.verdict.kind
    }

    /// Returns whether the other end may be the cause, or this the cause of what is there.
    #[must_use]
    pub(crate) const fn may_be_in_chain(&self) -> bool {
        matches!(self.verdict.kind, Kind::HalfClosed | Kind::EstablishedGrowing)
    }

    /// Returns how many connections it is about.
    #[must_use]
    pub(crate) const fn connections(&self) -> u64 {
        self.verdict.connections
    }

    /// Returns its role.
    #[must_use]
    pub(crate) const fn role(&self) -> Role {
        self.key.role
    }

    /// Returns the name of its process and the id of the first of that name; `None` if it is not
    /// known.
    #[must_use]
    pub(crate) fn owner(&self) -> Option<(&'a str, u32)> {
        let is_named = &*self.key.process != OTHER;
        self.first_pid().filter(|_| is_named).map(|pid| (&*self.key.process, pid))
    }

    /// Returns how many of its connections lead to where the first of those shown leads.
    #[must_use]
    pub(crate) fn with_first_peer(&self) -> u64 {
        let Some(first) = self.first_row() else { return 0 };
        let first = Target::new(first, 0);
        let is_same = |peer: &&Target| (peer.address, peer.port) == (first.address, first.port);
        self.group.peers.iter().find(is_same).map_or(0, |peer| peer.connections)
    }

    /// Returns those of its connections that are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &RowView> {
        self.group.sample.iter()
    }

    /// Returns whether it grows, by the trend test, to a limit of its process or its listener.
    #[must_use]
    pub(crate) const fn grows_to_limit(&self) -> bool {
        self.runs_out && self.verdict.trend
    }

    /// Returns whether its connections wait at a listener.
    #[must_use]
    pub(crate) fn waits_at_listener(&self) -> bool {
        self.verdict.kind == Kind::NeverAccepted
    }

    /// Orders what grows towards a limit first and what only follows from the other end last; then
    /// by score, the highest first; then by number; then by age, the oldest first; then by name, so
    /// that the same table gives the same order.
    #[must_use]
    pub(crate) fn rank(&self, other: &Self) -> Ordering {
        let grows = |one: &Self| one.grows_to_limit() || one.exhausts;
        let numbers = |one: &Self| {
            Reverse((grows(one), Reverse(one.follows), one.score, one.verdict.connections))
        };
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
