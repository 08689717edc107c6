//! What each network namespace counts itself: connections that its listeners refused, and segments
//! that it sent.
//!
//! Used by the pass. The kernel's counters end with their namespace; these stay. Guarantees: at
//! most `limit` namespaces have counters of their own. A namespace that is gone keeps its counters
//! until the room is needed; the shared ones take them then.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::conn::report::pressure::Netstat;
use crate::pressure::netns::Counters;

/// The most namespaces whose last reading is remembered.
const MOST_KNOWN: usize = 8192;

/// The counters by namespace since the agent started.
#[derive(Default)]
pub(crate) struct NetstatCounts {
    /// The kernel's counters at the last reading.
    known: HashMap<u32, Counters>,
    totals: BTreeMap<u32, Counters>,
    beyond: Counters,
    limit: usize,
}

impl NetstatCounts {
    /// Creates empty counters with room for `limit` namespaces.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes the kernel's counters of a namespace. A namespace that appears after the first pass
    /// counts from its beginning. So does one whose counters fell, because a new namespace has that
    /// inode now.
    pub(crate) fn read(
        &mut self,
        netns: u32,
        now: Counters,
        first_pass: bool,
        here: &HashSet<u32>,
    ) {
        let before = match self.known.get(&netns) {
            Some(before) if before.iter().zip(&now).all(|(before, now)| before <= now) => *before,
            None if first_pass => now,
            _ => Counters::default(),
        };
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(&netns) {
            self.known.retain(|netns, _| here.contains(netns));
        }
        self.known.insert(netns, now);
        let slot = self.slot(netns, here);
        for (total, (now, before)) in slot.iter_mut().zip(now.iter().zip(before)) {
            *total += now - before;
        }
        debug_assert!(self.totals.len() <= self.limit, "namespaces stay within their budget");
    }

    /// Returns what is shown. The shared counters stand under inode 0 once they hold something.
    pub(crate) fn snapshot(&self) -> Vec<Netstat> {
        let shown = |(netns, [overflows, drops, segments_sent]): (u32, Counters)| Netstat {
            netns,
            overflows,
            drops,
            segments_sent,
        };
        let beyond = (self.beyond != Counters::default()).then_some((0, self.beyond));
        self.totals
            .iter()
            .map(|(netns, counts)| (*netns, *counts))
            .chain(beyond)
            .map(shown)
            .collect()
    }

    fn slot(&mut self, netns: u32, here: &HashSet<u32>) -> &mut Counters {
        if self.totals.len() >= self.limit && !self.totals.contains_key(&netns) {
            let gone = self
                .totals
                .iter()
                .filter(|(netns, _)| !here.contains(*netns))
                .min_by_key(|(_, counts)| **counts);
            let Some((gone, counts)) = gone.map(|(gone, counts)| (*gone, *counts)) else {
                return &mut self.beyond;
            };
            self.totals.remove(&gone);
            self.beyond.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        self.totals.entry(netns).or_default()
    }
}
