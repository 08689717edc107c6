//! The connection table's face: what the threads and the views may ask of it.
//!
//! It owns the parts and hands each what it needs of the others; it decides nothing by itself.

use std::collections::HashSet;
use std::sync::Arc;

use agent_common::record::{Close, Holder, Retransmit, Socket, State};

use super::collect::results::Kept;
use super::core::Core;
use super::limits::Limits;
use super::reconcile::commit::Finish;
use super::reconcile::pass::Pass;
use super::regroup::queue::Moves;
use super::regroup::retirement::{Settling, Wanted};
use super::report::coverage::{Covered, PassSummary};
use super::report::pressure::Destination;
use super::report::snapshot::Snapshot;
use super::socket::effect::Effect;
use super::socket::row::seen;
use super::view::{RowView, States};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::pressure::netns::Facts;
use crate::workload::{Key, Sight, Workload};

/// One row a live socket, and all that is counted from them.
pub struct Table {
    pub(super) core: Core,
    pub(super) moves: Moves,
    pub(super) settling: Settling,
    pub(super) pass: Option<Pass>,
    /// How far the end of the pass has come; none while lists are read.
    pub(super) finish: Option<Finish>,
    /// What passes gathered besides states.
    pub(super) kept: Kept,
    /// The number of the last pass; see `rows::seen`.
    pub(super) generation: u8,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            core: Core::new(limits),
            moves: Moves::default(),
            settling: Settling::default(),
            pass: None,
            finish: None,
            kept: Kept::new(&limits),
            generation: seen::FRESH,
        }
    }

    /// Applies a transition. One into CLOSE counts as [`Self::close`] without numbers; states that
    /// no record can carry are ignored.
    pub fn transition(&mut self, record: &State) {
        let effect = self.core.transition(record);
        self.note(effect);
    }

    /// Applies a transition into CLOSE, with the socket's last numbers.
    pub fn close(&mut self, record: &Close) {
        let effect = self.core.close(record);
        self.note(effect);
    }

    #[inline]
    fn note(&mut self, effect: Effect) {
        if let Some(pass) = &mut self.pass {
            pass.note(effect);
        }
    }

    /// Counts segments sent again; those of a socket without a row under process and role
    /// `unknown`.
    pub fn retransmit(&mut self, record: &Retransmit) {
        self.core.retransmit(record);
    }

    /// Counts a SYN-ACK sent again, by the listener's port.
    pub fn synack_retransmit(&mut self, record: &Retransmit) {
        self.core.synack_retransmit(record);
    }

    /// Begins a pass; one that was under way is given up.
    pub fn begin_pass(&mut self, now: u64) {
        self.abort_pass();
        self.generation = seen::after(self.generation);
        self.pass = Some(Pass::new(&self.core, self.generation, now));
    }

    /// Takes what a network namespace tells of itself; before the entries of its list.
    pub fn pass_facts(&mut self, facts: Facts) {
        if let Some(pass) = &mut self.pass {
            pass.gathered.know(facts);
        }
    }

    /// Holds one entry of the socket list against the table.
    pub fn pass_socket(&mut self, entry: &Socket) {
        if let Some(pass) = &mut self.pass {
            pass.socket(&mut self.core, &mut self.moves, entry);
        }
    }

    /// Notes a holder of a socket; what follows from it is decided when the pass ends.
    pub fn pass_holder(&mut self, entry: &Holder) {
        if let Some(pass) = &mut self.pass {
            pass.processes.note(&self.core, entry);
        }
    }

    /// Gives a pass up. What it corrected stays; nothing is removed or published.
    pub fn abort_pass(&mut self) {
        self.moves.apply_moves(&mut self.core);
        (self.pass, self.finish) = (None, None);
    }

    /// Ends a pass of which `covered` was read to the end, in one go. The first call ends the
    /// seeding.
    pub fn end_pass(&mut self, now: u64, covered: &Covered) -> PassSummary {
        self.finish_pass(covered.clone());
        loop {
            if let Some(summary) = self.proceed(now, usize::MAX) {
                return summary;
            }
        }
    }

    /// Begins to end a pass of which `covered` was read to the end.
    pub fn finish_pass(&mut self, covered: Covered) {
        self.finish = self.pass.is_some().then(|| Finish::new(covered));
    }

    /// Goes on ending a pass, past about `places` rows; what the pass has found, once it has ended.
    pub fn proceed(&mut self, now: u64, places: usize) -> Option<PassSummary> {
        let (Some(pass), Some(finish)) = (&mut self.pass, &mut self.finish) else {
            self.moves.apply_moves(&mut self.core);
            return Some(PassSummary::default());
        };
        if !finish.proceed(&mut self.core, &mut self.moves, pass, &mut places.max(1)) {
            return None;
        }
        // Their buffers are large, and idle until the next pass.
        self.moves = Moves::default();
        let (pass, finish) = (self.pass.take()?, self.finish.take()?);
        Some(finish.publish(&mut self.core, &mut self.kept, pass, now))
    }

    /// Makes the moves that have gathered while a pass reads, past about `places` rows; whether
    /// there are more of them.
    pub fn work(&mut self, places: usize) -> bool {
        if self.moves.are_due() {
            self.moves.make_moves(&mut self.core, &mut { places });
        }
        self.moves.are_due()
    }

    /// Makes planned moves, past about `places` rows, however few there are; whether there are
    /// more.
    pub fn work_off(&mut self, places: usize) -> bool {
        self.moves.work_off(&mut self.core, places)
    }

    /// From here on workloads are resolved, as far as this reaches; before, every workload is
    /// `host`.
    pub fn see_workloads(&mut self, sight: Sight) {
        self.core.workloads.see(sight);
    }

    /// Whether a workload waits for its name.
    #[must_use]
    pub fn wants_workloads(&self) -> bool {
        self.core.workloads.wants()
    }

    /// What the table would like to know of workloads.
    #[must_use]
    pub fn wanted_workloads(&self) -> Wanted {
        Wanted { keys: self.core.workloads.wanted(), processes: self.core.workloads.processes() }
    }

    /// Takes what keys stand for; `None` for one that is not there any more.
    pub fn tell_workloads(
        &mut self,
        answers: impl IntoIterator<Item = (Key, Option<Arc<Workload>>)>,
        now: u64,
    ) {
        let sums = self.pass.as_mut().map(|pass| &mut pass.sums);
        self.settling.tell(&mut self.core, &mut self.moves, sums, answers, now);
    }

    /// Goes on bringing the groups that waited for a key to its workload; whether there is more to
    /// do.
    pub fn settle(&mut self, places: usize) -> bool {
        let sums = self.pass.as_mut().map(|pass| &mut pass.sums);
        self.settling.settle(&mut self.core, &mut self.moves, sums, places)
    }

    /// Gives back what nobody has used for the grace time. Due every few seconds.
    pub fn tidy(&mut self, now: u64) {
        let sums = self.pass.as_mut().map(|pass| &mut pass.sums);
        self.settling.tidy(&mut self.core, &mut self.moves, sums, now);
    }

    /// The processes whose descriptors are worth a look, as of the last pass. None where the kernel
    /// knows the caller under another number than it knows itself: then `/proc` is another
    /// process namespace's.
    #[must_use]
    pub fn owners(&self, caller: u32) -> Vec<u32> {
        if caller == self.core.reader { self.kept.owners() } else { Vec::new() }
    }

    /// Takes what was read of the host and of [`Self::owners`].
    pub fn take_readings(&mut self, host: Host, descriptors: impl Iterator<Item = Descriptors>) {
        self.kept.take_readings(host, descriptors);
    }

    /// The destinations that have taken most of their ports, the worst first; at most 20, as of the
    /// last pass.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        self.kept.destinations()
    }

    /// Since when the row waits that has been longest in a leak state without a reading of the
    /// descriptor tables.
    #[must_use]
    pub fn unverified_since(&self) -> Option<u64> {
        self.core.unverified_since()
    }

    /// Whether rows that are in use belong to one of these processes; and where to go on.
    #[must_use]
    pub fn outlives(&self, ended: &HashSet<u32>, from: u32, places: u32) -> (bool, Option<u32>) {
        self.core.outlives(ended, from, places)
    }

    /// Everything counted, at `now`.
    #[must_use]
    pub fn snapshot(&mut self, now: u64) -> Snapshot {
        self.core.snapshot(&self.kept, now)
    }

    /// Brings what is asked of ages up to `now`, past about `places` rows at the most.
    pub fn age(&mut self, now: u64, places: usize) {
        self.core.age(now, places);
    }

    /// All rows, in no particular order.
    pub fn rows(&self) -> impl Iterator<Item = RowView> + '_ {
        self.core.views()
    }

    /// Appends the rows in `states` among `places` places of the slab from `from` on.
    pub fn slice(
        &self,
        from: u32,
        places: u32,
        states: States,
        into: &mut Vec<RowView>,
        seen: &mut u64,
    ) -> Option<u32> {
        self.core.slice(from, places, states, into, seen)
    }
}
