//! Retransmitted segments that the kernel counts and the agent has no record of: a full ring lost
//! it, or the kernel ran no program.
//!
//! Used by records and passes. Each pass compares what a network namespace counts with what records
//! told of it. Guarantees: never more than are missing, whenever either is read; with the first
//! pass that meets no retransmission all that are missing, but for as many as were under way at the
//! first reading of a namespace; at most [`MOST`] namespaces are compared. What was missing before
//! that reading does not count.

use std::collections::HashSet;

use hashbrown::HashMap;

use crate::pressure::netns::Retransmitted;

/// The most network namespaces that are compared.
const MOST: usize = 8192;

/// The counts by namespace, and what is missing in all.
#[derive(Default)]
pub(crate) struct Unseen {
    namespaces: HashMap<u32, Compared>,
    total: u64,
    /// Whether this pass has made room by those that are gone.
    cleared: bool,
}

#[derive(Clone, Copy, Default)]
struct Compared {
    /// How many segments records told of.
    told: u64,
    /// The same when the pass began, before it read anything.
    began: u64,
    last: Option<Last>,
}

/// The last reading of a namespace.
#[derive(Clone, Copy)]
struct Last {
    /// `RetransSegs`.
    all: u64,
    /// What the kernel counted before the first reading that no record told of, or more. Less than
    /// 0 if records told of segments in another namespace of this inode.
    before: i128,
    missing: u64,
}

impl Unseen {
    /// Notes segments that a record tells of.
    pub(crate) fn note(&mut self, netns: u32, segments: u64) {
        if self.namespaces.len() < MOST || self.namespaces.contains_key(&netns) {
            self.namespaces.entry(netns).or_default().told += segments;
        }
    }

    /// Begins a pass, before it reads what namespaces count.
    pub(crate) fn begin(&mut self) {
        self.cleared = false;
        for compared in self.namespaces.values_mut() {
            compared.began = compared.told;
        }
    }

    /// Returns how many segments are missing.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Compares what a namespace counted during the pass with all that records told of until now.
    /// `here` are the namespaces of the pass; others make room.
    pub(crate) fn compare(&mut self, netns: u32, kernel: Retransmitted, here: &HashSet<u32>) {
        if self.namespaces.len() >= MOST && !self.namespaces.contains_key(&netns) {
            if !std::mem::replace(&mut self.cleared, true) {
                self.namespaces.retain(|netns, _| here.contains(netns));
            }
            if self.namespaces.len() < MOST {
                // There was no room for what records told of: the next pass begins with it.
                self.namespaces.insert(netns, Compared::default());
            }
            return;
        }
        let compared = self.namespaces.entry(netns).or_default();
        let Retransmitted { all, failed } = kernel;
        // More than was sent, or as much, and less, or as much.
        let [upper, lower] = failed.map(|failed| i128::from(all) - i128::from(failed));
        // A namespace that counts less than before is another one with that inode.
        let Some(last) = compared.last.as_mut().filter(|last| last.all <= all) else {
            let before = upper - i128::from(compared.began);
            compared.last = Some(Last { all, before, missing: 0 });
            return;
        };
        last.all = all;
        let missing = lower - i128::from(compared.told) - last.before;
        let missing = u64::try_from(missing).unwrap_or(0).max(last.missing);
        self.total += missing - last.missing;
        last.missing = missing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETNS: u32 = 5;

    fn sent(all: u64) -> Retransmitted {
        Retransmitted { all, failed: [0; 2] }
    }

    fn pass(unseen: &mut Unseen, kernel: u64) -> u64 {
        unseen.begin();
        unseen.compare(NETNS, sent(kernel), &HashSet::from([NETNS]));
        unseen.total()
    }

    #[test]
    fn what_no_record_told_of_is_missing_and_counts_once() {
        let mut unseen = Unseen::default();
        unseen.note(NETNS, 3);
        assert_eq!(pass(&mut unseen, 1003), 0, "what was before it came does not count");
        unseen.note(NETNS, 4);
        assert_eq!(pass(&mut unseen, 1007), 0);
        unseen.note(NETNS, 4);
        assert_eq!(pass(&mut unseen, 1013), 2);
        assert_eq!(pass(&mut unseen, 1013), 2);
        unseen.note(NETNS, 1);
        assert_eq!(pass(&mut unseen, 1013), 2, "it never goes down");
        assert_eq!(pass(&mut unseen, 1015), 3);
    }

    #[test]
    fn records_that_are_under_way_while_a_pass_reads_are_never_missing() {
        let mut unseen = Unseen::default();
        unseen.note(NETNS, 10);
        unseen.begin();
        // The kernel counts five more and is read; their records come, and others after them.
        unseen.note(NETNS, 5 + 7);
        unseen.compare(NETNS, sent(15), &HashSet::from([NETNS]));
        assert_eq!(unseen.total(), 0);
        assert_eq!(pass(&mut unseen, 22), 0);
    }

    #[test]
    fn records_that_come_before_a_pass_ends_hide_what_is_missing_until_the_next() {
        let mut unseen = Unseen::default();
        assert_eq!(pass(&mut unseen, 0), 0);
        unseen.note(NETNS, 4);
        unseen.begin();
        // Two of the six that the kernel counts have no record.
        unseen.note(NETNS, 5);
        unseen.compare(NETNS, sent(6), &HashSet::from([NETNS]));
        assert_eq!(unseen.total(), 0);
        assert_eq!(pass(&mut unseen, 11), 2);
    }

    #[test]
    fn attempts_that_fail_while_they_are_read_are_never_missing() {
        let mut unseen = Unseen::default();
        let mut pass = |all, failed| {
            unseen.begin();
            unseen.compare(NETNS, Retransmitted { all, failed }, &HashSet::from([NETNS]));
            unseen.total()
        };
        // All of them fail: five more between the readings, then those and some that are not seen.
        assert_eq!(pass(1000, [990, 995]), 0);
        assert_eq!(pass(1000, [995, 995]), 0);
        assert_eq!(pass(1010, [1000, 1010]), 0, "no less than before, and no other namespace");
        assert_eq!(pass(1010, [1005, 1005]), 0);
        assert_eq!(pass(1020, [1008, 1008]), 2, "two beyond the ten that may have been before");
    }

    #[test]
    fn another_namespace_with_the_same_inode_begins_anew() {
        let mut unseen = Unseen::default();
        assert_eq!((pass(&mut unseen, 100), pass(&mut unseen, 105)), (0, 5));
        assert_eq!(pass(&mut unseen, 3), 5, "its own past does not count");
        unseen.note(NETNS, 1);
        assert_eq!(pass(&mut unseen, 6), 7);
        assert_eq!(pass(&mut unseen, 90), 91, "and counts on");
    }

    #[test]
    fn namespaces_are_bounded_and_those_that_are_gone_make_room() {
        let mut unseen = Unseen::default();
        for netns in 0..20_000 {
            unseen.note(netns, 1);
        }
        assert_eq!(unseen.namespaces.len(), MOST);
        // What records told of it is not known: the first reading is no baseline.
        unseen.note(30_000, 5);
        unseen.compare(30_000, sent(5), &HashSet::from([7, 30_000]));
        assert_eq!(unseen.namespaces.len(), 2);
        for kernel in [9, 9] {
            unseen.begin();
            unseen.compare(30_000, sent(kernel), &HashSet::from([30_000]));
        }
        assert_eq!(unseen.total(), 0);
        let all: HashSet<u32> = (0..20_000).collect();
        for kernel in 1..=2 {
            unseen.begin();
            for netns in 0..20_000 {
                unseen.compare(netns, sent(kernel), &all);
            }
        }
        assert_eq!(unseen.namespaces.len(), MOST);
        // One of each that is compared, but of the one for which room was made.
        assert_eq!(unseen.total(), u64::try_from(MOST - 1).unwrap());
    }
}
