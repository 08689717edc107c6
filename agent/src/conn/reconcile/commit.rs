//! The commit of a pass, in slices between which records are applied: mark and sweep.
//!
//! Called by `work` until it is done. Each step goes over all rows: who holds them now, which
//! workload they have by now, which are gone, what they add up to. A step begins once the moves
//! that the step before planned are made. Guarantees: a call looks at about as many rows as its
//! budget says. A row is classified by its present state; one that came or changed meanwhile is
//! left to the next pass. What is shown changes with the last slice only.

use super::owners::{Tally, follow_listener};
use super::pass::{Pass, follow_queue};
use super::presence::{Presence, presence_of};
use super::walk::Walk;
use crate::conn::collect::results::PassResults;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::conn::regroup::queue::RegroupQueue;
use crate::conn::regroup::workload_name::name_workload;
use crate::conn::report::coverage::{Covered, PassSummary};
use crate::conn::socket::row::{flag, seen};
use catalogue::labels::SocketState;

/// How far the commit of a pass has come.
#[derive(Default)]
pub(crate) struct Commit {
    covered: Box<Covered>,
    step: Step,
    /// The slot of the next row.
    at: u32,
    tally: Tally,
    /// Rows that this pass missed for the first time.
    missed_once: u64,
    /// Rows in namespaces that the pass could not enter.
    unverified: u64,
}

/// The steps of a commit, in order; each visits every row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// Makes the moves that were planned while the lists were read. A batch must not hold two moves
    /// of one row, because it does not know which is the later.
    #[default]
    Regroup,
    /// Assigns rows to the processes that hold them.
    Attribute,
    /// Takes the states of MPTCP connections, which descriptors show, into the rows of subflows.
    TakeMultipath,
    /// Gives listeners that several processes hold to the one that accepts.
    ChooseAccepters,
    /// Gives the sockets in accept queues the owner that their listener has now.
    FollowListeners,
    /// Does the same for listeners that share an address, by what is in which queue.
    FollowQueues,
    /// Marks the rows as verified that were in their state when the descriptor tables were read.
    MarkVerified,
    /// Moves rows whose workload was not known to the group that they belong to.
    NameWorkloads,
    /// Removes the rows that two passes have missed.
    Sweep,
    /// Adds up what waits, who owns and who listens.
    Sum,
    /// Every row has been visited, so the results are published.
    Publish,
}

impl Step {
    fn next(self, commit: &Commit, core: &Core) -> Self {
        match self {
            Self::Regroup => Self::Attribute,
            Self::Attribute => Self::TakeMultipath,
            Self::TakeMultipath => Self::ChooseAccepters,
            Self::ChooseAccepters if commit.tally.listeners_moved => Self::FollowListeners,
            Self::ChooseAccepters | Self::FollowListeners => Self::FollowQueues,
            Self::FollowQueues if commit.covered.holders.is_some() => Self::MarkVerified,
            Self::FollowQueues | Self::MarkVerified
                if core.groups.has_rows_of_unknown_workload() =>
            {
                Self::NameWorkloads
            }
            Self::FollowQueues | Self::MarkVerified | Self::NameWorkloads => Self::Sweep,
            Self::Sweep => Self::Sum,
            Self::Sum | Self::Publish => Self::Publish,
        }
    }
}

impl Commit {
    /// Begins to commit a pass of which `covered` was read to the end.
    pub(crate) fn new(covered: Covered) -> Self {
        Self { covered: Box::new(covered), ..Self::default() }
    }

    /// Continues at `now` over about as many rows as `budget` says. Returns whether all steps are
    /// done.
    pub(crate) fn step(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        pass: &mut Pass,
        now: Nanos,
        budget: &mut Budget,
    ) -> bool {
        while !budget.is_spent() {
            if queue.is_due() {
                queue.step(core, budget);
            } else if self.step == Step::Publish {
                return true;
            } else if self.rows(core, queue, pass, now, budget) {
                if queue.is_empty() {
                    (self.step, self.at) = (self.step.next(self, core), 0);
                } else {
                    queue.step(core, budget);
                }
            }
        }
        false
    }

    /// Applies the present step to some rows. Returns whether it has come to the last row.
    fn rows(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        pass: &mut Pass,
        now: Nanos,
        budget: &mut Budget,
    ) -> bool {
        if let (Step::MarkVerified, Some(read)) = (self.step, self.covered.holders) {
            core.thresholds.mark_read(read);
            return core.groups.advance(&core.rows, &core.thresholds, budget);
        }
        if let (Step::ChooseAccepters, Some(read)) = (self.step, self.covered.holders) {
            let Tally { accepted, listeners_moved, .. } = &mut self.tally;
            *listeners_moved |= pass.choose_accepters(core, queue, read, accepted);
            return true;
        }
        if self.step == Step::TakeMultipath {
            let (subflows, at) = (&pass.holders.subflows, &mut self.at);
            let read = self.covered.holders.is_some();
            return subflows.take_states(core, (pass.number, read), at, now, budget);
        }
        if self.step == Step::FollowQueues {
            return self.follow_queues(core, queue, pass, budget);
        }
        let mut walk = Walk { at: self.at, core, queue, budget };
        let done = match (self.step, self.covered.holders) {
            (Step::Attribute, Some(read)) => {
                let tally = &mut self.tally;
                walk.each(|core, queue, index| pass.attribute_row(core, queue, index, read, tally))
            }
            (Step::FollowListeners, _) => walk.each(follow_listener),
            (Step::NameWorkloads, _) => walk.each(name_workload),
            (Step::Sweep, _) => walk.each(|core, _, index| self.sweep(core, pass, index)),
            (Step::Sum, _) => walk.each(|core, _, index| sum(core, pass, index)),
            (
                Step::Regroup
                | Step::Attribute
                | Step::TakeMultipath
                | Step::ChooseAccepters
                | Step::FollowQueues
                | Step::MarkVerified
                | Step::Publish,
                _,
            ) => true,
        };
        self.at = walk.at;
        done
    }

    /// Follows some of the connections in accept queues. Returns whether it was the last.
    fn follow_queues(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        pass: &Pass,
        budget: &mut Budget,
    ) -> bool {
        let from = (self.at as usize).min(pass.children.len());
        let some = &pass.children[from..];
        let some = &some[..some.len().min(budget.left())];
        for child in some {
            follow_queue(core, queue, child);
        }
        budget.spend(some.len());
        self.at += u32::try_from(some.len()).unwrap_or(u32::MAX);
        from + some.len() == pass.children.len()
    }

    /// Marks or removes a row that the pass has not seen.
    fn sweep(&mut self, core: &mut Core, pass: &Pass, index: RowId) {
        match presence_of(core, pass, &self.covered, index) {
            Presence::Seen => {}
            Presence::MissedOnce => {
                core.rows[index].seen = seen::MISSED;
                self.missed_once += 1;
            }
            Presence::Unverified => {
                // The mark is reset, because the numbers of passes wrap around.
                core.rows[index].seen = seen::FRESH;
                self.unverified += 1;
            }
            Presence::Gone => core.remove_missed(core.rows[index].sk),
        }
    }

    /// Publishes what a pass has found, all at once.
    pub(crate) fn publish(
        self,
        core: &mut Core,
        results: &mut PassResults,
        pass: Pass,
        now: Nanos,
    ) -> PassSummary {
        let holders = pass.holders.shared_listeners();
        let holders = holders.map(|(index, pids)| (core.rows[index].sk, pids.to_vec())).collect();
        let started = pass.holders.started();
        let Pass { start, number, namespaces, input, sums, corrections_before, .. } = pass;
        let home = input.home;
        core.services.end_pass();
        core.services.fold_idle(sums.idle_folded);
        results.sum_up(core, input, sums, &self.covered, number);
        results.passed(number, start);
        core.seeded = true;
        core.groups.open_nursery();
        // Where the list could not be read, what was known stays known.
        core.known.retain(|netns| self.covered.unread.contains(netns));
        core.known.extend(&self.covered.namespaces);
        let counters = &mut core.counters;
        if let Some(walked) = self.covered.holders {
            results.take_holders(holders, started);
            (counters.unheld, counters.shared, counters.owners_read) =
                (self.tally.unheld, self.tally.shared, Some(walked));
        }
        counters.unverified = self.unverified;
        counters.namespaces_folded += namespaces.folded;
        counters.namespaces = namespaces.publish(&self.covered.namespaces);
        // A pass that could not look into the agent's own namespace is none to rely on.
        if home.is_none_or(|home| !self.covered.unread.contains(&home)) {
            counters.passed(now.saturating_sub(start), now);
        }
        let mut corrections = counters.corrections;
        corrections.iter_mut().zip(corrections_before).for_each(|(after, before)| *after -= before);
        let rows = u64::try_from(core.rows.len()).unwrap_or(u64::MAX);
        PassSummary {
            corrections,
            missed_once: self.missed_once,
            unverified: self.unverified,
            rows,
        }
    }
}

/// Looks up the service of a row in ESTABLISHED, and counts the row there.
#[cold]
fn meet_first(core: &mut Core, index: RowId) {
    let row = &mut core.rows[index];
    core.services.meet_first(row, &core.groups);
}

/// Adds a row to the sums of the pass.
fn sum(core: &mut Core, pass: &mut Pass, index: RowId) {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) {
        return;
    }
    let seen = row.seen == pass.number;
    // What a namespace that was not read has is still there.
    let is_there = row.state == SocketState::Established && row.seen != seen::MISSED;
    if is_there && !core.services.meet(row) {
        meet_first(core, index);
    }
    let row = &core.rows[index];
    let as_of = (pass.start, core.services.destinations());
    pass.sums.add(index, row, core.rows.activity(index), seen, as_of);
    if seen && row.is_left() {
        pass.namespaces.count_orphan(row.netns);
    }
}
