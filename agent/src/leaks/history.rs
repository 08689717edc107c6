//! How many connections each group had in the last ten minutes, from which growth is computed.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::survey::{Group, Key};
use super::{GRACE, SAMPLE_INTERVAL, SECOND};

/// The most samples: those of ten minutes.
const MAX_SAMPLES: usize = 21;
/// The most groups with a history. If there are more groups, the smaller ones have none.
pub(super) const MAX_GROUPS: usize = 1024;
/// The shortest history from which growth is computed, nanoseconds.
const MIN_HISTORY: u64 = 55 * SECOND;

/// Counts by group, sampled at the same times for all.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The time of the first call of [`Self::is_due`].
    asked_first: Option<u64>,
    /// The times of the samples.
    times: VecDeque<u64>,
    /// The counts of each group; the last one is that of the last sample.
    groups: HashMap<Key, VecDeque<u64>>,
    /// When a group was last left out. A group without a history may have been left out then.
    left_out: Option<u64>,
}

/// The growth of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// How many connections were added a minute; negative if the number fell.
    pub(crate) per_minute: f64,
    /// The time over which that was measured, nanoseconds.
    pub(crate) over: u64,
}

impl History {
    /// Returns whether a sample is due. The first is due [`GRACE`] after the first call: otherwise
    /// connections that are older than the agent would look like growth.
    pub(crate) fn is_due(&mut self, now: u64) -> bool {
        let asked_first = *self.asked_first.get_or_insert(now);
        let (since, wait) = self
            .times
            .back()
            .map_or((asked_first, GRACE + SECOND), |last| (*last, SAMPLE_INTERVAL));
        now.saturating_sub(since) >= wait
    }

    /// Adds a sample. A group that is new in it had no connections before, provided that no group
    /// was left out.
    pub(crate) fn add(&mut self, now: u64, mut counts: HashMap<Key, u64>) {
        let zeros = if self.is_whole() { self.times.len() } else { 0 };
        self.times.push_back(now);
        for (key, past) in &mut self.groups {
            past.push_back(counts.remove(key).unwrap_or(0));
        }
        for (key, count) in counts {
            self.groups.insert(key, std::iter::repeat_n(0, zeros).chain([count]).collect());
        }
        if self.times.len() > MAX_SAMPLES {
            self.times.pop_front();
        }
        for past in self.groups.values_mut() {
            past.drain(..past.len().saturating_sub(self.times.len()));
        }
        self.groups.retain(|_, past| past.iter().any(|count| *count > 0));
        self.bound(now);
    }

    /// Returns how fast a group has grown to its present size. Returns `None` if the history is too
    /// short, or if the group is new but its connections are older than the history: then their
    /// process was found later or was renamed.
    #[must_use]
    pub(crate) fn growth(&self, key: &Key, group: &Group, now: u64) -> Option<Growth> {
        let (first, samples) = match self.groups.get(key) {
            Some(past) => (*past.front()?, past.len()),
            None if self.is_whole() => (0, self.times.len()),
            None => return None,
        };
        let since = self.times.get(self.times.len().checked_sub(samples)?)?;
        if first == 0 && group.oldest_since().saturating_add(GRACE + SAMPLE_INTERVAL) < *since {
            return None;
        }
        let (count, over) = (group.count, now.saturating_sub(*since));
        // Counts of connections and nanoseconds of minutes are far from where a double loses units.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let per_minute = (count as f64 - first as f64) / (over as f64 / (60 * SECOND) as f64);
        (over >= MIN_HISTORY).then_some(Growth { per_minute, over })
    }

    /// Returns how far back the history reaches, nanoseconds.
    #[must_use]
    pub(crate) fn reach(&self, now: u64) -> u64 {
        self.times.front().map_or(0, |first| now.saturating_sub(*first))
    }

    /// Returns how many groups have a history.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns whether no group was left out of any sample.
    fn is_whole(&self) -> bool {
        self.left_out.is_none_or(|last| self.times.front().is_none_or(|first| last < *first))
    }

    /// Leaves out the smallest groups beyond [`MAX_GROUPS`].
    fn bound(&mut self, now: u64) {
        if self.groups.len() <= MAX_GROUPS {
            return;
        }
        self.left_out = Some(now);
        let mut groups: Vec<_> = self.groups.drain().collect();
        groups.sort_by_key(|(_, past)| std::cmp::Reverse(past.iter().copied().max()));
        self.groups = groups.into_iter().take(MAX_GROUPS).collect();
    }
}
