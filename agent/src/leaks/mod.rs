//! Who is suspected to leak: connections that have been in a state that should pass for more than
//! ten seconds, grouped by who holds them and towards which service, ranked, with evidence.
//!
//! `survey` groups what the table has now, `history` remembers the counts of the last ten minutes,
//! `suspect` judges and words. Called by housekeeping (a sample every [`EVERY`]) and by the HTTP
//! surface.
//!
//! Guarantees: at most [`survey::GROUPS`] groups at once and [`history::GROUPS`] with a history;
//! what is beyond is counted. The table is held for a slice at a time.

pub(crate) mod history;
pub(crate) mod survey;
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

/// How long a connection may be in a state that should pass before it counts, nanoseconds.
pub(crate) const GRACE: u64 = 10 * SECOND;
/// Time between two samples, nanoseconds.
pub(crate) const EVERY: u64 = 30 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// The counts of the last ten minutes, shared between the thread that samples and those that ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<History>>);

/// Suspects, and what was looked at to find them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Leaks {
    /// When.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// What was looked at.
    pub(crate) looked_at: LookedAt,
    /// How many suspects there are.
    pub(crate) matched: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// These, the worst first.
    pub(crate) suspects: Vec<Suspect>,
}

/// The ground that an answer stands on: an empty list is good news only if something was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LookedAt {
    /// Rows of the table.
    pub(crate) connections: u64,
    /// Those that match the query and are in a state that should pass.
    pub(crate) in_leak_states: u64,
    /// Those that have been in it for more than ten seconds.
    pub(crate) past_grace: u64,
    /// Those that are in no group, because there were too many groups.
    pub(crate) ungrouped: u64,
    /// How far back the counts go from which growth is told.
    pub(crate) history_seconds: f64,
}

impl Watch {
    /// Notes how many connections each group has, if a sample is due. To be called once the table
    /// has what is older than the agent.
    pub(crate) fn sample(&self, table: &SharedTable, now: u64) {
        if self.history(|history| history.is_due(now)) {
            let survey = Survey::of(table, &Filter::ALL, now);
            self.history(|history| history.add(now, survey.counts()));
        }
    }

    /// The suspects among what the query asks for, the worst first.
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
            let judged = old_enough
                .map(|(key, group)| Candidate::new(key, group, history.growth(key, group, now)));
            (judged.collect::<Vec<_>>(), history.reach(now))
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
        // Plain counts: a holder that panicked leaves them old, not broken.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
