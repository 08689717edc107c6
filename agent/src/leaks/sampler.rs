//! The one sampler: what each group had at the same times for all, in two resolutions.
//!
//! Growth, the time to exhaustion and the history read from it. The short window has a sample every
//! 15 s for ten minutes: a leak of one minute has five samples, the fewest that have a trend. The
//! long window has one every 150 s for two and a half hours: a pool that is recycled every quarter
//! of an hour has ten rounds in it and no trend, while a leak of one a minute is known within a
//! tenth. Both have fewer samples than `trend` reads.
//!
//! Guarantees: at most `most` groups are kept, each within a bound that a test knows. A smaller
//! group gives way to a larger one; how often that happened is counted, and a group that may have
//! been left out before is not said to have had no connections.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

use crate::leaks::growth::Series;
use crate::leaks::trend::Sample;

const SECOND: u64 = 1_000_000_000;
/// The most samples of the short window.
pub(crate) const FINE: usize = 41;
/// The most samples of the long window.
pub(crate) const LONG: usize = 61;

/// What a group has at one time.
pub(crate) trait Value: Copy {
    /// Returns the value of the group without connections. Counters stay where they are.
    #[must_use]
    fn absent(self) -> Self;
    /// Returns how large the group is; 0 if it has no connections.
    fn size(&self) -> u32;
}

/// How often samples are taken, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// The time between two samples of the short window.
    pub(crate) fine: u64,
    /// The time between two samples of the long window.
    pub(crate) long: u64,
    /// How long after its birth a connection may be counted for the first time.
    pub(crate) grace: u64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { fine: 15 * SECOND, long: 150 * SECOND, grace: 11 * SECOND }
    }
}

/// A group in a new sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<V> {
    /// When its oldest connection was born or entered the state, nanoseconds.
    pub(crate) since: u64,
    /// What it has.
    pub(crate) value: V,
}

/// Two rings of samples; the last elements are the newest.
#[derive(Clone, Debug)]
struct Rings<T> {
    fine: VecDeque<T>,
    long: VecDeque<T>,
}

/// Samples of all groups.
#[derive(Clone, Debug)]
pub(crate) struct Sampler<K, V> {
    rhythm: Rhythm,
    most: usize,
    times: Rings<u64>,
    groups: HashMap<K, Rings<V>>,
    /// The last sample in which a group was left out.
    left_out: Option<u64>,
    /// How many groups were left out, in all samples together.
    left_out_total: u64,
}

/// A series of a group with its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Owned {
    fine: Vec<Sample>,
    long: Vec<Sample>,
}

impl Owned {
    /// Returns the series.
    #[must_use]
    pub(crate) fn series(&self) -> Series<'_> {
        Series { fine: &self.fine, long: &self.long }
    }
}

/// Returns the most bytes that a group takes, without its key and the index.
#[cfg(test)]
pub(crate) const fn memory_per_key<V>() -> usize {
    size_of::<Rings<V>>() + (FINE + LONG) * size_of::<V>()
}

impl<T: Copy> Rings<T> {
    const fn new() -> Self {
        Self { fine: VecDeque::new(), long: VecDeque::new() }
    }

    fn push(&mut self, one: T, is_long_due: bool) {
        push(&mut self.fine, one, FINE);
        if is_long_due {
            push(&mut self.long, one, LONG);
        }
    }
}

/// Appends to a ring of at most `most`, whose memory doubles up to exactly that.
fn push<T>(ring: &mut VecDeque<T>, one: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    } else if ring.len() == ring.capacity() {
        ring.reserve_exact((2 * ring.len()).clamp(4, most) - ring.len());
    }
    ring.push_back(one);
}

impl<V: Value> Rings<V> {
    /// Returns the largest size in the windows.
    fn largest(&self) -> u32 {
        self.fine.iter().chain(&self.long).map(Value::size).max().unwrap_or(0)
    }
}

impl<K: Eq + Hash + Clone, V: Value> Sampler<K, V> {
    /// Returns a sampler without samples, which keeps at most `most` groups.
    #[must_use]
    pub(crate) fn new(rhythm: Rhythm, most: usize) -> Self {
        let (times, groups) = (Rings::new(), HashMap::new());
        Self { rhythm, most, times, groups, left_out: None, left_out_total: 0 }
    }

    /// Returns whether a sample is due at `now` (`CLOCK_MONOTONIC`, nanoseconds). The first is due
    /// when it is asked; the caller asks after the first pass, which finds what is older than the
    /// agent.
    #[must_use]
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.times.fine.back().is_none_or(|last| now.saturating_sub(*last) >= self.rhythm.fine)
    }

    /// Adds a sample at `now`. A group that is absent from it has no connections. A group that is
    /// new had none at the sample before, unless it may have been left out there or its connections
    /// are older: then their process was found later, or was renamed. A sample that is not later
    /// than the one before is ignored.
    pub(crate) fn add(&mut self, now: u64, mut present: HashMap<K, Entry<V>>) {
        let before = self.times.fine.back().copied();
        if before.is_some_and(|before| before >= now) {
            return;
        }
        let half = self.rhythm.fine / 2;
        let since_long = self.times.long.back().map(|last| now.saturating_sub(*last));
        let is_long_due =
            since_long.is_none_or(|since| since >= self.rhythm.long.saturating_sub(half));
        for (key, rings) in &mut self.groups {
            let last = rings.fine.back().map(|last| last.absent());
            if let Some(value) = present.remove(key).map(|entry| entry.value).or(last) {
                rings.push(value, is_long_due);
            }
        }
        let before = before.filter(|_| self.left_out != before);
        for (key, Entry { since, value }) in present {
            let mut rings = Rings::new();
            if before.is_some_and(|before| since.saturating_add(self.rhythm.grace) >= before) {
                rings.push(value.absent(), !self.times.long.is_empty());
            }
            rings.push(value, is_long_due);
            self.groups.insert(key, rings);
        }
        self.times.push(now, is_long_due);
        self.groups.retain(|_, rings| rings.largest() > 0);
        self.bound(now);
    }

    /// Returns the series of one number of a group; empty if the group is not kept.
    #[must_use]
    pub(crate) fn series(&self, key: &K, number: impl Fn(&V) -> f64) -> Owned {
        self.read(key, |values| values.iter().map(&number).collect())
    }

    /// Returns the series of a counter of a group, which wraps, from 0 at the first sample of each
    /// window on.
    #[must_use]
    pub(crate) fn counter(&self, key: &K, counter: impl Fn(&V) -> u32) -> Owned {
        self.read(key, |values| {
            let (mut sum, mut last) = (0.0, values.first().map_or(0, &counter));
            let next = |value: &V| {
                sum += f64::from(counter(value).wrapping_sub(last));
                last = counter(value);
                sum
            };
            values.iter().map(next).collect()
        })
    }

    /// Returns the groups that are kept, in no particular order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.groups.keys().cloned()
    }

    /// Returns the newest sample of a group; `None` if it is not kept.
    #[must_use]
    pub(crate) fn newest(&self, key: &K) -> Option<&V> {
        self.groups.get(key)?.fine.back()
    }

    /// Returns how far back the long window reaches, nanoseconds.
    #[must_use]
    pub(crate) fn reach(&self, now: u64) -> u64 {
        let first = [self.times.long.front(), self.times.fine.front()].into_iter().flatten().min();
        first.map_or(0, |first| now.saturating_sub(*first))
    }

    /// Returns how many groups are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns whether no group is kept.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Returns how many groups were left out because there were too many, in all samples together.
    #[must_use]
    pub(crate) fn left_out_total(&self) -> u64 {
        self.left_out_total
    }

    /// Reads both windows of a group. The long one ends with the newest sample, too.
    fn read(&self, key: &K, numbers: impl Fn(&[V]) -> Vec<f64>) -> Owned {
        let Some(rings) = self.groups.get(key) else { return Owned::default() };
        let mut long = window(&self.times.long, &rings.long);
        let fine = window(&self.times.fine, &rings.fine);
        if let (Some(last), Some(newest)) = (long.last(), fine.last())
            && last.0 < newest.0
        {
            long.push(*newest);
        }
        let with_numbers = |window: Vec<(u64, V)>| {
            let (times, values): (Vec<_>, Vec<_>) = window.into_iter().unzip();
            times.into_iter().zip(numbers(&values)).collect()
        };
        Owned { fine: with_numbers(fine), long: with_numbers(long) }
    }

    /// Leaves out the smallest groups beyond `most`.
    fn bound(&mut self, now: u64) {
        let beyond = self.groups.len().saturating_sub(self.most);
        if beyond == 0 {
            return;
        }
        self.left_out = Some(now);
        self.left_out_total += beyond as u64;
        let mut groups: Vec<_> = self.groups.drain().collect();
        groups.sort_by_cached_key(|(_, rings)| std::cmp::Reverse(rings.largest()));
        groups.truncate(self.most);
        self.groups = groups.into_iter().collect();
    }
}

/// Returns the samples of a window with their times, from the last one without connections before
/// the group's first on: what was before the group is no time over which it grew.
fn window<V: Value>(times: &VecDeque<u64>, values: &VecDeque<V>) -> Vec<(u64, V)> {
    debug_assert!(values.len() <= times.len(), "a group has no more samples than there were");
    let known = times.iter().skip(times.len().saturating_sub(values.len()));
    let empty = values.iter().take_while(|value| value.size() == 0).count();
    known.copied().zip(values.iter().copied()).skip(empty.saturating_sub(1)).collect()
}
