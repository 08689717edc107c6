//! Who is suspected to leak: connections that have been in a transient state for more than ten
//! seconds, grouped by process and service, ranked, with evidence.
//!
//! `survey` groups the connections of the table, `history` has the counts of the last ten minutes,
//! `suspect` computes score and evidence. Called by the housekeeping thread (a sample every
//! [`SAMPLE_INTERVAL`]) and by the query `leaks`.
//!
//! Guarantees: there are at most twice [`survey::MAX_GROUPS`] groups, and [`history::MAX_GROUPS`]
//! with a history; connections beyond are counted. The table is locked for one slice at a time.

mod history;
mod kind;
mod survey;
pub(crate) mod suspect;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::ingest::SharedTable;
use crate::listing::answer::{Taken, seconds};
use crate::listing::filter::Filter;

use history::History;
use survey::Survey;
use suspect::{Candidate, Suspect};

/// How long a connection may be in a transient state before it counts, nanoseconds.
pub(crate) const GRACE: u64 = 10 * SECOND;
/// The time between two samples, nanoseconds.
pub(crate) const SAMPLE_INTERVAL: u64 = 30 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// The counts of the last ten minutes, shared by the thread that samples and the threads that
/// answer queries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<History>>);

/// The suspects, and what was examined to find them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Leaks {
    /// When the answer was made.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// What was examined.
    pub(crate) looked_at: LookedAt,
    /// How many suspects there are.
    pub(crate) matched: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// The suspects, the one with the highest score first.
    pub(crate) suspects: Vec<Suspect>,
}

/// What was examined. Without it an empty list could also mean that the table is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LookedAt {
    /// How many rows the table has.
    pub(crate) connections: u64,
    /// How many of them match the query and are in a transient state.
    pub(crate) in_leak_states: u64,
    /// How many of those have been in it for more than ten seconds.
    pub(crate) past_grace: u64,
    /// How many of those are in no group, because there were too many groups.
    pub(crate) ungrouped: u64,
    /// How far back the counts reach from which the growth is computed.
    pub(crate) history_seconds: f64,
}

impl Watch {
    /// Records how many connections each group has, if a sample is due. The first call must come
    /// after the first reconcile pass, which adds the connections that are older than the agent.
    pub(crate) fn sample(&self, table: &SharedTable, now: u64) {
        if self.history(|history| history.is_due(now)) {
            let survey = Survey::of(table, &Filter::ALL, now);
            self.history(|history| history.add(now, survey.counts()));
        }
    }

    /// Returns the suspects among the connections that match, at most `limit`, the one with the
    /// highest score first. The `min_age` of the filter applies to the oldest connection of a
    /// group.
    #[must_use]
    pub(crate) fn leaks(
        &self,
        table: &SharedTable,
        filter: &Filter,
        limit: usize,
        now: u64,
    ) -> Leaks {
        let min_age = u64::try_from(filter.min_age.as_nanos()).unwrap_or(u64::MAX);
        let filter = Filter { min_age: Duration::ZERO, ..filter.clone() };
        let survey = Survey::of(table, &filter, now);
        let (mut candidates, reach) = self.history(|history| {
            let old_enough = survey
                .groups()
                .filter(|(_, group)| now.saturating_sub(group.oldest_since()) >= min_age);
            let candidates = old_enough
                .map(|(key, group)| Candidate::new(key, group, history.growth(key, group, now)));
            (candidates.collect::<Vec<_>>(), history.reach(now))
        });
        candidates.sort_by(Candidate::rank);
        let matched = candidates.len();
        let suspects: Vec<_> =
            candidates.iter().take(limit).map(|candidate| Suspect::of(candidate, now)).collect();
        let looked_at = LookedAt {
            connections: survey.walked.seen,
            in_leak_states: survey.in_leak_states,
            past_grace: survey.past_grace,
            ungrouped: survey.ungrouped,
            history_seconds: seconds(reach),
        };
        let (taken, returned) = (Taken::at(SystemTime::now(), now), suspects.len());
        Leaks { taken, looked_at, matched, returned, truncated: matched > returned, suspects }
    }

    fn history<T>(&self, work: impl FnOnce(&mut History) -> T) -> T {
        // The history is plain counts: after a panic they are old, but not inconsistent.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
