//! Who is suspected to leak: connections that have been in a transient state for more than ten
//! seconds, and established ones that grow and are not used; grouped by process and service,
//! judged, ranked, with evidence.
//!
//! `survey` groups the connections of the table, `sampler` keeps what each group had, `judge` says
//! what that means, `suspect` shows it. Called by the housekeeping thread (a sample every
//! 15 seconds) and by the query `leaks`.
//!
//! Guarantees: there are at most twice [`survey::MAX_GROUPS`] groups, and [`MAX_SAMPLED`] with a
//! history; connections beyond are counted. The table is locked for one slice at a time.

mod answer;
mod chain;
mod context;
pub(crate) mod exhaustion;
mod expectations;
mod growth;
mod judge;
mod kind;
mod past;
mod sampler;
#[cfg(test)]
mod simulation;
mod survey;
pub(crate) mod suspect;
mod tally;
pub(crate) mod target;
#[cfg(test)]
mod tests;
mod times;
mod trend;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::Expected;
use crate::conn::RowView;
use crate::ingest::{SharedTable, lock};
use crate::listing::answer::{Taken, seconds};
use crate::listing::filter::Filter;
use crate::listing::peers::Peers;
use crate::metrics::stats::RunsOut;
use crate::process::rules::Rules;

pub(crate) use answer::{Leaks, LookedAt};
use context::Started;
use exhaustion::{Resource, Resources};
use expectations::Expectations;
pub(crate) use judge::Certainty;
use past::{Past, Sampled};
use sampler::{Rhythm, Sampler};
use survey::{Key, Survey};
use suspect::{Candidate, InSeconds, Suspect};
use times::Times;

/// How long a connection may be in a transient state before it counts, nanoseconds.
pub(crate) const GRACE: u64 = 10 * SECOND;
/// The most groups with a history. If there are more groups, the smaller ones have none.
const MAX_SAMPLED: usize = 1024;
/// The most notes in an answer.
const MAX_NOTES: usize = 20;
const SECOND: u64 = 1_000_000_000;

/// What the groups had in the last hours, shared by the thread that samples and the threads that
/// answer queries.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    sampler: Arc<Mutex<Sampler<Key, Sampled>>>,
    resources: Arc<Mutex<Resources>>,
    expected: Arc<Expectations>,
    names: Arc<Rules>,
    /// Whether who asks may see command lines.
    shows_arguments: bool,
    times: Times,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(Vec::new(), Rules::builtin(), false)
    }
}

impl Watch {
    /// Returns a watch without a history; what is expected accuses nobody, processes are named by
    /// the rules, and command lines are shown only if `shows_arguments`.
    #[must_use]
    pub(crate) fn new(expected: Vec<Expected>, names: Rules, shows_arguments: bool) -> Self {
        let sampler = Sampler::new(Rhythm::default(), MAX_SAMPLED);
        Self {
            sampler: Arc::new(Mutex::new(sampler)),
            resources: Arc::default(),
            expected: Arc::new(Expectations::new(expected)),
            names: Arc::new(names),
            shows_arguments,
            times: Times::default(),
        }
    }

    /// Records what each group has, if a sample is due. The first call must come after the first
    /// reconcile pass, which adds the connections that are older than the agent. Returns whether a
    /// sample was due.
    pub(crate) fn sample(&self, table: &SharedTable, now: u64) -> bool {
        if !self.with_sampler(|sampler| sampler.is_due(now)) {
            return false;
        }
        let survey = Survey::of(table, &Filter::ALL, now, &self.times);
        let (flows, pressure) = {
            let table = lock(table);
            (table.view().flows(), table.view().pressure())
        };
        let sampled = survey.sampled(&flows);
        self.with_sampler(|sampler| sampler.add(now, sampled));
        self.with_resources(|resources| resources.sample(now, &pressure));
        if self.expected.are_there() {
            self.expected.note(&survey, &self.judged(&survey, now));
        }
        true
    }

    /// Returns what runs out, as of the last sample.
    #[must_use]
    pub(crate) fn running_out(&self) -> Vec<RunsOut> {
        self.with_resources(|resources| resources.running_out(&self.times))
    }

    /// Returns when the busiest destination of a network namespace, by its inode, has taken all
    /// local ports; `None` without a confirmed rise.
    #[must_use]
    pub(crate) fn ports_run_out(&self, netns: u32) -> Option<InSeconds> {
        let resource = Resource::Ports(netns);
        let when = self.with_resources(|resources| resources.exhaustion(&resource, &self.times));
        when.map(InSeconds::from)
    }

    /// Returns the processes, by name and workload, of which an entry covered connections at the
    /// last sample, and which nothing else accused.
    #[must_use]
    pub(crate) fn expected(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.expected.processes()
    }

    /// Returns the suspects among the connections that match, the one with the highest score first.
    /// The `min_age` of the filter applies to the oldest connection of a group.
    #[must_use]
    pub(crate) fn leaks(
        &self,
        table: &SharedTable,
        filter: &Filter,
        limit: usize,
        fail_on: Option<Certainty>,
        now: u64,
    ) -> Leaks {
        let min_age = u64::try_from(filter.min_age.as_nanos()).unwrap_or(u64::MAX);
        let filter = Filter { min_age: Duration::ZERO, ..filter.clone() };
        let survey = Survey::of(table, &filter, now, &self.times);
        let (mut accused, notes) = self.candidates(&survey, now.saturating_sub(min_age));
        let peers = Peers::of(table, &rows_with_peers(&accused, limit), &[]);
        chain::mark(&mut accused, |one| {
            let ends = one.shown().map(|row| peers.get(row, None));
            ends.map(|end| end.map(|peer| (peer.state, peer.pid))).collect()
        });
        accused.sort_by(Candidate::rank);
        let show = |candidates: &[Candidate<'_>], most: usize| {
            let shown = &candidates[..candidates.len().min(most)];
            let asked = shown.iter().map(|one| (one.first_pid().unwrap_or(0), one.workload()));
            let started = context::started(asked.collect(), &self.names, self.shows_arguments);
            let shown = shown.iter().zip(started);
            shown.map(|(one, started)| self.show(one, started, &peers, table, now)).collect()
        };
        let (suspects, matched): (Vec<_>, _) = (show(&accused, limit), accused.len());
        let sure = |least: Certainty| accused.iter().filter(|one| one.certainty() >= least).count();
        let returned = suspects.len();
        Leaks {
            taken: Taken::at(SystemTime::now(), now),
            looked_at: self.looked_at(&survey, now),
            matched,
            returned,
            truncated: matched > returned,
            suspects,
            notes: show(&notes, MAX_NOTES),
            notes_matched: notes.len(),
            failing: fail_on.map_or(0, sure),
        }
    }

    /// Returns the verdicts that accuse and the notes, each in their order, on the groups that
    /// began at `began` or before.
    fn candidates<'a>(
        &'a self,
        survey: &'a Survey,
        began: u64,
    ) -> (Vec<Candidate<'a>>, Vec<Candidate<'a>>) {
        let (mut accused, mut notes): (Vec<_>, Vec<_>) =
            self.judged(survey, began).into_iter().partition(Candidate::accuses);
        self.with_resources(|resources| {
            for candidate in &mut accused {
                let when = candidate
                    .resources()
                    .find_map(|resource| resources.exhaustion(&resource, &self.times));
                candidate.runs_out = when.is_some();
            }
        });
        accused.sort_by(Candidate::rank);
        notes.sort_by(Candidate::rank);
        (accused, notes)
    }

    /// Returns all verdicts on the groups that began at `began` or before.
    fn judged<'a>(&'a self, survey: &'a Survey, began: u64) -> Vec<Candidate<'a>> {
        self.with_sampler(|sampler| {
            let groups = survey.groups().filter(|(_, group)| group.since <= began);
            let judged = groups.flat_map(|(key, group)| {
                let past = Past::of(sampler, key);
                let started = group.started(&survey.started);
                let evidence = past.evidence((key.role, key.state), group.tally, started);
                judge::verdicts(&evidence, &self.times).map(|verdict| {
                    let expected = self.expected.reason(key, verdict.kind, verdict.connections);
                    Candidate::new(key, group, verdict, expected)
                })
            });
            judged.collect()
        })
    }

    /// Returns what was examined at `now`.
    fn looked_at(&self, survey: &Survey, now: u64) -> LookedAt {
        let (reach, unsampled) =
            self.with_sampler(|sampler| (sampler.reach(now), sampler.left_out_total()));
        LookedAt {
            connections: survey.walked.seen,
            in_leak_states: survey.in_leak_states,
            past_grace: survey.past_grace,
            ungrouped: survey.ungrouped,
            unsampled,
            history_seconds: seconds(reach),
        }
    }

    /// Returns a candidate as a suspect, with what is known beside its connections.
    fn show(
        &self,
        candidate: &Candidate<'_>,
        started: Option<Started>,
        peers: &Peers,
        table: &SharedTable,
        now: u64,
    ) -> Suspect {
        let unanswered = candidate.unanswered();
        let listener = unanswered.and_then(|row| lock(table).view().listener_of_peer(row));
        let mut suspect = Suspect::of(candidate, listener.as_ref(), now);
        if let Some(peer) = candidate.first_row().and_then(|row| peers.get(row, None)) {
            suspect.take_peer(peer);
        }
        if let Some((process, pid)) = candidate.cause {
            suspect.take_cause(process, pid);
        }
        if let Some(started) = started {
            suspect.take_started(started);
        }
        if let Some(row) = candidate.first_row().filter(|_| candidate.waits_at_listener()) {
            suspect.take_holders(&lock(table).view().holders_of_listener(row));
        }
        self.with_resources_of(candidate, suspect)
    }

    /// Adds the descriptors of a suspect's first process, and when these, or the accept queue that
    /// its connections wait in, run out.
    fn with_resources_of(&self, candidate: &Candidate<'_>, mut suspect: Suspect) -> Suspect {
        self.with_resources(|resources| {
            for resource in candidate.resources() {
                if let Some(level) = resources.level(&resource) {
                    let exhaustion = resources.exhaustion(&resource, &self.times);
                    suspect.take_level(&resource, level, exhaustion);
                }
            }
        });
        suspect
    }

    fn with_resources<T>(&self, work: impl FnOnce(&mut Resources) -> T) -> T {
        // As below.
        work(&mut self.resources.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_sampler<T>(&self, work: impl FnOnce(&mut Sampler<Key, Sampled>) -> T) -> T {
        // The samples are plain counts: after a panic they are old, but not inconsistent.
        work(&mut self.sampler.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the connections whose other ends matter: of the suspects that are shown, and of those
/// that may follow from another.
fn rows_with_peers(accused: &[Candidate<'_>], shown: usize) -> Vec<RowView> {
    let matters = accused
        .iter()
        .enumerate()
        .filter(|(place, one)| *place < shown || (one.may_be_in_chain() && *place < MAX_SAMPLED));
    matters.flat_map(|(_, one)| one.shown().cloned()).collect()
}
