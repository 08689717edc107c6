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

use agent_common::record::{Child, Socket, State};
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
use crate::conn::socket::activity::{began_before, has_connected};
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::{MARGIN, Row, seen};

/// The most closes that are remembered during a pass. Beyond it the pass inserts nothing more.
const MAX_CLOSED: usize = 1 << 20;

/// The most connections in accept queues that are followed to their listeners.
const MAX_CHILDREN: usize = 1 << 16;

/// A pass under way.
pub(crate) struct Pass {
    pub(crate) start: Nanos,
    /// The number of the pass; see `row::seen`.
    pub(crate) number: u8,
    /// The sockets that closed during the pass, with the time of their close.
    closed: HashMap<u64, Nanos>,
    /// The processes that hold sockets.
    pub(crate) holders: HolderScan,
    /// Connections in accept queues.
    pub(crate) children: Vec<Child>,
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
    pub(crate) fn new(core: &mut Core, _drained: &Drained<'_>, number: u8, now: Nanos) -> Self {
        debug_assert!(number > seen::FRESH, "the number of a pass is no mark");
        core.services.begin_pass();
        core.unseen.begin();
        core.groups.look_again();
        Self {
            start: now,
            number,
            closed: HashMap::new(),
            holders: HolderScan::default(),
            children: Vec::new(),
            namespaces: Namespaces::like(&core.counters.namespaces, core.limits.namespaces),
            input: PassInput::default(),
            sums: Sums::new(core.limits.services),
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
        core.readers.note(entry.reader);
        if self.namespaces.count(entry) {
            return;
        }
        let Some(Observation::Listed { state, .. }) = Observation::of_entry(entry) else { return };
        let index = match core.find(entry.ends.sk) {
            Some(index) => self.relist(core, queue, index, entry, state),
            None => None,
        };
        let Some(index) = index.or_else(|| self.seed(core, queue, entry, state)) else { return };
        core.take_activity(index, entry);
        if entry.outer != 0 {
            self.holders.alias(entry.outer, index, entry.ends.sk);
        }
    }

    /// Holds an entry against the row at its address. Returns the row, unless that was another
    /// socket's and is gone.
    #[inline]
    fn relist(
        &self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        index: RowId,
        entry: &Socket,
        state: SocketState,
    ) -> Option<RowId> {
        let outcome = core.relist(index, state, entry, self.number);
        if outcome.relation == Relation::OtherSocket {
            return None;
        }
        if outcome.inherits {
            if !has_connected(entry) {
                inherit(core, queue, index);
            }
            if let Some(role) = core.role_of(&core.rows[index], entry) {
                change(core, queue, index, |core, row| core.take_role(row, role));
            }
        }
        Some(index)
    }

    /// Takes a connection in the accept queue of a listener. Its own entry may come later, so the
    /// commit follows it.
    pub(crate) fn child(&mut self, entry: &Child) {
        if self.children.len() < MAX_CHILDREN {
            self.children.push(*entry);
        }
    }

    /// Makes a row for an entry that has none. What the kernel tells of its age moves it to its
    /// place in time, later and with others.
    fn seed(
        &mut self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        entry: &Socket,
        state: SocketState,
    ) -> Option<RowId> {
        if self.may_be_closed(entry.ends.sk, Nanos::new(entry.time)) {
            return None;
        }
        if !core.has_place(entry) {
            // Later passes meet the same sockets again. Those were counted at birth or while
            // seeding.
            core.counters.refused += u64::from(!core.seeded);
            return None;
        }
        let index = core.enlist(state, entry, self.number)?;
        self.holders.forget(index);
        if let Some((_, Some(since))) = began_before(entry, core.tick) {
            queue.enqueue_since(core, index, since);
        }
        Some(index)
    }
}

/// Gives a row of the table role and owner of the listener behind it, if there is one.
fn inherit(core: &mut Core, queue: &mut RegroupQueue, index: RowId) {
    change(core, queue, index, Core::inherit);
}

/// Changes owner or role of a row of the table. It changes groups later, with others.
fn change(
    core: &mut Core,
    queue: &mut RegroupQueue,
    index: RowId,
    change: impl FnOnce(&mut Core, &mut Row),
) {
    let mut row = core.rows[index];
    let (before, group) = (row.attribution, row.group);
    change(core, &mut row);
    let target = std::mem::replace(&mut row.group, group);
    core.counters.attributed(before == Attribution::None && row.attribution != Attribution::None);
    core.rows[index] = row;
    if target != group {
        queue.enqueue(core, index, target);
    }
}

/// Gives a connection that waits to be accepted the owner of the listener whose queue it is in.
pub(crate) fn follow_queue(core: &mut Core, queue: &mut RegroupQueue, entry: &Child) {
    let (Some(index), Some(listener)) = (core.find(entry.sk), core.find(entry.listener)) else {
        return;
    };
    let (row, behind) = (&core.rows[index], &core.rows[listener]);
    let is_child = behind.state == SocketState::Listen
        && (row.netns, row.local_port) == (behind.netns, behind.local_port)
        && !row.is_attached();
    if is_child {
        change(core, queue, index, |core, row| core.inherit_from(row, listener));
    }
}
