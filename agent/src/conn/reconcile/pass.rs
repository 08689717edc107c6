//! The reconcile pass: the table compared with the kernel's own socket list and descriptor tables.
//!
//! Driven by the ingest thread: `begin_pass`, then slices of the lists between which the rings are
//! drained and applied, then the commit (`commit`). Each entry carries the time at which it was
//! read, and all records up to then have been applied. So an entry is right unless the row has had
//! a later record. The first pass seeds the table. A later one finds and counts what was lost.
//!
//! Sockets in TIME_WAIT and NEW_SYN_RECV are counted, by namespace. An orphan that the kernel keeps
//! as a full socket (FIN_WAIT2 with `tcp_fin_timeout` over 60 s, or acknowledged while the closing
//! task had it locked: `tcp_rcv_state_process`) has a row, but is counted with the small ones: what
//! `ss` shows as FIN-WAIT-2 is the gauge `fin_wait2` plus `fin_wait2_orphan`, and SYN-RECV is rows
//! in `syn_recv` plus `syn_recv` of the namespaces.

use agent_common::record::{Socket, State};
use catalogue::labels::{Correction, SocketState};
use hashbrown::HashMap;

use super::fd_holders::HolderScan;
use crate::conn::collect::namespaces::Namespaces;
use crate::conn::collect::results::PassInput;
use crate::conn::collect::sums::Sums;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::regroup::queue::{Drained, RegroupQueue};
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::{MARGIN, seen};

/// The most closes that are remembered during a pass. Beyond it the pass inserts nothing more.
const MAX_CLOSED: usize = 1 << 20;

/// A pass under way.
pub(crate) struct Pass {
    pub(crate) start: Nanos,
    /// The number of the pass; see `row::seen`.
    pub(crate) number: u8,
    /// The sockets that closed during the pass, with the time of their close.
    closed: HashMap<u64, Nanos>,
    /// The processes that hold sockets.
    pub(crate) holders: HolderScan,
    pub(crate) namespaces: Namespaces,
    pub(crate) input: PassInput,
    /// The sums over its rows.
    pub(crate) sums: Sums,
    pub(crate) corrections_before: [u64; Correction::COUNT],
}

impl Pass {
    /// Remembers that a socket closed, so that an older entry does not bring it back.
    pub(crate) fn closed(&mut self, sk: u64, time: Nanos) {
        if self.closed.len() < MAX_CLOSED {
            self.closed.insert(sk, time);
        }
    }

    /// Returns whether an entry may belong to a socket that has closed since it was read.
    fn may_be_closed(&self, sk: u64, read: Nanos) -> bool {
        self.closed.len() >= MAX_CLOSED
            || self.closed.get(&sk).is_some_and(|time| time.saturating_add(MARGIN) >= read)
    }
}

impl Pass {
    /// Begins a pass. No move may be planned: `_drained` proves it.
    pub(crate) fn new(core: &Core, _drained: &Drained<'_>, number: u8, now: Nanos) -> Self {
        debug_assert!(number > seen::FRESH, "the number of a pass is no mark");
        Self {
            start: now,
            number,
            closed: HashMap::new(),
            holders: HolderScan::default(),
            namespaces: Namespaces::like(&core.counters.namespaces, core.limits.namespaces),
            input: PassInput::default(),
            sums: Sums::default(),
            corrections_before: core.counters.corrections,
        }
    }

    /// Takes the effect of a record.
    pub(crate) fn note(&mut self, effect: Effect, record: &State) {
        match effect {
            Effect::None => {}
            Effect::Stored(index) => self.holders.forget(index),
            Effect::Closed => self.closed(record.ends.sk, Nanos::new(record.time)),
        }
    }

    /// Compares one entry of the socket list with the table.
    #[inline]
    pub(crate) fn socket(&mut self, core: &mut Core, queue: &mut RegroupQueue, entry: &Socket) {
        self.input.entry(core, entry);
        core.reader = entry.reader;
        if self.namespaces.count(entry) {
            return;
        }
        let Some(Observation::Listed { state, .. }) = Observation::of_entry(entry) else { return };
        if let Some(index) = core.find(entry.ends.sk) {
            let outcome = core.relist(index, state, entry, self.number);
            if outcome.relation != Relation::OtherSocket {
                if outcome.inherits {
                    inherit(core, queue, index);
                }
                return;
            }
        }
        self.seed(core, entry, state);
    }

    /// Makes a row for an entry that has none.
    fn seed(&mut self, core: &mut Core, entry: &Socket, state: SocketState) {
        if self.may_be_closed(entry.ends.sk, Nanos::new(entry.time)) {
            return;
        }
        if core.rows.len() >= core.rows.limit() {
            // Later passes meet the same sockets again. Those were counted at birth or while
            // seeding.
            core.counters.refused += u64::from(!core.seeded);
            return;
        }
        if let Some(index) = core.enlist(state, entry, self.number) {
            self.holders.forget(index);
        }
    }
}

/// Gives a row the role and owner of the listener behind it, if there is one. The change of group
/// is queued with others.
fn inherit(core: &mut Core, queue: &mut RegroupQueue, index: RowId) {
    let mut row = core.rows[index];
    let (before, group) = (row.attribution, row.group);
    core.inherit(&mut row);
    let target = std::mem::replace(&mut row.group, group);
    core.counters.attributed(before == Attribution::None && row.attribution != Attribution::None);
    core.rows[index] = row;
    if target != group {
        queue.enqueue(core, index, target);
    }
}
