//! Sockets that have no row, counted by network namespace during a pass: TIME_WAIT, the orphaned
//! FIN_WAIT2 that the kernel keeps as a small socket, and handshakes that are not finished.
//!
//! Used by the pass. Guarantees: at most `limit` namespaces have counts of their own; the others
//! share those of inode 0. A namespace keeps its own counts from pass to pass as long as it is
//! read.

use std::collections::HashSet;

use agent_common::record::Socket;
use agent_common::tcp;
use hashbrown::HashMap;

use crate::conn::report::snapshot::Namespace;

/// The counts of one pass by namespace.
#[derive(Default)]
pub(crate) struct Namespaces {
    list: Vec<Namespace>,
    slots: HashMap<u32, usize>,
    beyond: Namespace,
    limit: usize,
    /// How many entries had to be counted under inode 0.
    pub(crate) folded: u64,
}

impl Namespaces {
    /// Creates empty counts with room for the namespaces that `published` has.
    pub(crate) fn like(published: &[Namespace], limit: usize) -> Self {
        let mut new = Self { limit, ..Self::default() };
        for known in published.iter().filter(|known| known.netns != 0) {
            new.slot(known.netns);
        }
        new
    }

    /// Counts a socket that has no row. Returns `false` for any other.
    pub(crate) fn count(&mut self, entry: &Socket) -> bool {
        let orphan = entry.substate == tcp::FIN_WAIT2;
        match entry.state {
            tcp::TIME_WAIT if orphan => self.slot(entry.ends.netns).fin_wait2_orphan += 1,
            tcp::TIME_WAIT => self.slot(entry.ends.netns).time_wait += 1,
            tcp::NEW_SYN_RECV => self.slot(entry.ends.netns).syn_recv += 1,
            _ => return false,
        }
        true
    }

    /// Counts a row as an orphan in FIN_WAIT2.
    pub(crate) fn count_orphan(&mut self, netns: u32) {
        self.slot(netns).fin_wait2_orphan += 1;
    }

    /// Returns the counts of the namespaces that were read to the end; zero for one without
    /// sockets.
    pub(crate) fn publish(mut self, covered: &HashSet<u32>) -> Vec<Namespace> {
        self.list.retain(|known| covered.contains(&known.netns));
        let mut empty: Vec<u32> = covered
            .iter()
            .copied()
            .filter(|netns| *netns != 0 && !self.slots.contains_key(netns))
            .collect();
        empty.sort_unstable();
        empty.truncate(self.limit.saturating_sub(self.list.len()));
        self.list
            .extend(empty.into_iter().map(|netns| Namespace { netns, ..Namespace::default() }));
        debug_assert!(self.list.len() <= self.limit, "namespaces stay within their budget");
        if self.folded > 0 {
            self.list.push(self.beyond);
        }
        self.list
    }

    fn slot(&mut self, netns: u32) -> &mut Namespace {
        let full = self.list.len() >= self.limit;
        let at = match self.slots.get(&netns) {
            Some(at) => *at,
            None if full || netns == 0 => {
                self.folded += 1;
                return &mut self.beyond;
            }
            None => {
                self.list.push(Namespace { netns, ..Namespace::default() });
                self.slots.insert(netns, self.list.len() - 1);
                self.list.len() - 1
            }
        };
        &mut self.list[at]
    }
}
