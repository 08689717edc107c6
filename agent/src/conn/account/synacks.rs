//! Retransmitted SYN-ACKs by the listener's port.
//!
//! Used by the table. Guarantee: at most `limit` ports are counted by themselves.

use hashbrown::HashMap;

/// Retransmitted SYN-ACKs by the listener's port. Those beyond the limit share one count, and each
/// counts as overflow.
pub(crate) struct Ports {
    counts: HashMap<u16, u64>,
    beyond: u64,
    limit: usize,
}

impl Ports {
    /// Creates empty counts with room for `limit` ports.
    pub(crate) fn new(limit: usize) -> Self {
        Self { counts: HashMap::new(), beyond: 0, limit }
    }

    /// Counts one retransmitted SYN-ACK.
    pub(crate) fn count(&mut self, port: u16) {
        if self.counts.len() < self.limit || self.counts.contains_key(&port) {
            *self.counts.entry(port).or_default() += 1;
        } else {
            self.beyond += 1;
        }
    }

    /// Returns how many fell beyond the limit.
    pub(crate) const fn overflow(&self) -> u64 {
        self.beyond
    }

    /// Returns the counts by port, then under `None` the count beyond the limit.
    pub(crate) fn snapshot(&self) -> Vec<(Option<u16>, u64)> {
        let mut counts: Vec<_> =
            self.counts.iter().map(|(port, count)| (Some(*port), *count)).collect();
        counts.sort_unstable();
        counts.push((None, self.beyond));
        counts
    }
}
