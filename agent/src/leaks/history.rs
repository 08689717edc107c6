//! How many connections each group had in the last ten minutes: what growth is told from.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::survey::{Group, Key};
use super::{EVERY, GRACE, SECOND};

/// Samples that are kept: ten minutes.
pub(crate) const SAMPLES: usize = 21;
/// Groups that have a history; when there are more, the smaller ones have none.
pub(crate) const GROUPS: usize = 1024;
/// The shortest history that tells a growth, nanoseconds.
const LEAST: u64 = 55 * SECOND;

/// Counts by group, at the same moments for all.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// When a sample was wanted for the first time.
    asked_first: Option<u64>,
    times: VecDeque<u64>,
    /// The counts, the last at the last of the times; as many as are known.
    groups: HashMap<Key, VecDeque<u64>>,
    /// When a group was left out last. One without a history may have been among those.
    left_out: Option<u64>,
}

/// A change over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// Connections more a minute; negative where they became fewer.
    pub(crate) per_minute: f64,
    /// Over how long, nanoseconds.
    pub(crate) over: u64,
}

impl History {
    /// Whether it is time for a sample. The first is taken once what was there when this was first
    /// asked has outlived its grace: else what is older than the agent would look as if it had
    /// grown.
    pub(crate) fn is_due(&mut self, now: u64) -> bool {
        let asked_first = *self.asked_first.get_or_insert(now);
        let (since, wait) =
            self.times.back().map_or((asked_first, GRACE + SECOND), |last| (*last, EVERY));
        now.saturating_sub(since) >= wait
    }

    /// Adds the counts of a moment. A group that had none before had zero, if all that had any were
    /// kept.
    pub(crate) fn add(&mut self, now: u64, mut counts: HashMap<Key, u64>) {
        let zeros = if self.is_whole() { self.times.len() } else { 0 };
        self.times.push_back(now);
        for (key, past) in &mut self.groups {
            past.push_back(counts.remove(key).unwrap_or(0));
        }
        for (key, count) in counts {
            self.groups.insert(key, std::iter::repeat_n(0, zeros).chain([count]).collect());
        }
        if self.times.len() > SAMPLES {
            self.times.pop_front();
        }
        for past in self.groups.values_mut() {
            past.drain(..past.len().saturating_sub(self.times.len()));
        }
        self.groups.retain(|_, past| past.iter().any(|count| *count > 0));
        self.bound(now);
    }

    /// How fast a group grew to what it is now; none where it cannot be told yet, or where
    /// connections that were there before have come to it under another name: a process was
    /// found to be theirs, or was renamed.
    #[must_use]
    pub(crate) fn growth(&self, key: &Key, group: &Group, now: u64) -> Option<Growth> {
        let (first, samples) = match self.groups.get(key) {
            Some(past) => (*past.front()?, past.len()),
            None if self.is_whole() => (0, self.times.len()),
            None => return None,
        };
        let since = self.times.get(self.times.len().checked_sub(samples)?)?;
        if first == 0 && group.oldest_since().saturating_add(GRACE + EVERY) < *since {
            return None;
        }
        let (count, over) = (group.count, now.saturating_sub(*since));
        // Counts of connections and nanoseconds of minutes are far from where a double loses units.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let per_minute = (count as f64 - first as f64) / (over as f64 / (60 * SECOND) as f64);
        (over >= LEAST).then_some(Growth { per_minute, over })
    }

    /// How far back it reaches, nanoseconds.
    #[must_use]
    pub(crate) fn reach(&self, now: u64) -> u64 {
        self.times.front().map_or(0, |first| now.saturating_sub(*first))
    }

    /// Returns how many groups have a history.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether no group was left out of any sample that is kept.
    fn is_whole(&self) -> bool {
        self.left_out.is_none_or(|last| self.times.front().is_none_or(|first| last < *first))
    }

    /// Leaves out the smallest groups beyond the bound.
    fn bound(&mut self, now: u64) {
        if self.groups.len() <= GROUPS {
            return;
        }
        self.left_out = Some(now);
        let mut groups: Vec<_> = self.groups.drain().collect();
        groups.sort_by_key(|(_, past)| std::cmp::Reverse(past.iter().copied().max()));
        self.groups = groups.into_iter().take(GROUPS).collect();
    }
}
