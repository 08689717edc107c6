//! The connection table: applies each record that the probes sent to the row of its socket.
//!
//! Called by the ingest thread only, in the order of the rings. Guarantees: one hash look-up a
//! record (two where a record reveals another socket at the same address), no allocation in a
//! steady population, no panic on any sequence of records, memory bounded by [`Limits`].
//!
//! How records and rows that do not fit are judged:
//! - A transition out of CLOSE, or LISTEN -> SYN_RECV (the child of a listener), is a birth: a row
//!   that is still there belongs to a dead socket whose close was missed.
//! - A transition out of a state that the row could have reached by itself: records between were
//!   lost; the row is corrected (`wrong_state`). Out of any other state: again a dead socket's row.
//! - A transition of an unknown socket makes a row with a lower bound for its age; after the first
//!   pass that is a correction (`missed_open`).
//!
//! What is counted: a connection counts as opened once, when it reaches ESTABLISHED or when a later
//! record or pass reveals that it did; those that were open before the agent count as adopted. It
//! counts as closed once, with reason `other` where the close was missed. So opened + adopted -
//! closed = connected rows, at every moment. Opening and closing count under the owner known at
//! that time: a connection that another process took over in between opens with one and closes with
//! the other.
//!
//! A socket refused for want of room has no row; its next record or entry finds it unknown and
//! takes it in when there is room again. If it closes first, it counts as opened and closed at
//! once.

use std::collections::HashSet;

use agent_common::record::{Close, Endpoints, Retransmit, State};
use agent_common::tcp;

use super::books::Books;
use super::groups::Groups;
use super::histogram::NANOSECONDS;
use super::index::Index;
use super::labels::{Correction, RetransmitError, Role, SocketState};
use super::lists::Cuts;
use super::moves::Moves;
use super::owner::{Listeners, Owner};
use super::pass::Pass;
use super::pressure::Kept;
use super::rows::{Row, flag, seen};
use super::services::{Ports, Services};
use super::slab::Rows;
use super::succession::{
    Relation, is_birth, is_connected, is_opening, note_first_fin, relation, role_at,
};
use super::workloads::{Place, Workloads};
use crate::workload::Key;

/// The bounds of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub connections: usize,
    /// Processes in a workload and role, besides `unknown` and `~other`.
    pub groups: usize,
    /// The same with a service port, besides those of `~other` without port.
    pub services: usize,
    /// Network namespaces with counts of their own.
    pub namespaces: usize,
    /// Ports with a count of SYN-ACKs sent again.
    pub ports: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_000_000, groups: 200, services: 200, namespaces: 64, ports: 256 }
    }
}

/// One row a live socket, and all that is counted from them.
pub struct Table {
    pub(super) index: Index,
    pub(super) rows: Rows,
    pub(super) groups: Groups,
    pub(super) workloads: Workloads,
    pub(super) services: Services,
    pub(super) ports: Ports,
    pub(super) listeners: Listeners,
    pub(super) cuts: Cuts,
    pub(super) books: Books,
    pub(super) pass: Option<Pass>,
    pub(super) moves: Moves,
    /// Keys that have got a workload, and their place, whose rows are not all there yet.
    pub(super) settling: Vec<(Key, Place)>,
    /// What passes gathered besides states.
    pub(super) kept: Kept,
    /// The number of the last pass; see `rows::seen`.
    pub(super) generation: u8,
    /// Whether a first pass has ended, so that every socket should be known.
    pub(super) seeded: bool,
    /// The namespaces whose list the last pass read: what is unknown there was missed.
    pub(super) known: HashSet<u32>,
    /// The agent's own process: it locks each socket that it lists, and is the user of none of
    /// them.
    pub(super) reader: u32,
    pub(super) limits: Limits,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let workloads = Workloads::new();
        Self {
            index: Index::new(),
            rows: Rows::new(limits.connections),
            services: Services::new(limits.services),
            groups: Groups::new(limits.groups, &workloads.unknown),
            workloads,
            ports: Ports::new(limits.ports),
            listeners: Listeners::default(),
            cuts: Cuts::default(),
            books: Books::new(),
            pass: None,
            moves: Moves::default(),
            settling: Vec::new(),
            kept: Kept::new(&limits),
            generation: seen::FRESH,
            seeded: false,
            known: HashSet::new(),
            reader: 0,
            limits,
        }
    }

    /// Applies a transition. One into CLOSE counts as [`Self::close`] without numbers; states that
    /// no record can carry are ignored.
    pub fn transition(&mut self, record: &State) {
        if record.new == tcp::CLOSE {
            self.end(record, None);
            return;
        }
        let Some(new) = SocketState::from_code(record.new) else { return };
        let old = SocketState::from_code(record.old);
        if record.old != tcp::CLOSE && old.is_none() {
            return;
        }
        self.books.transitions += 1;
        let Some(index) = self.find(record.ends.sk) else {
            self.admit(record, new);
            return;
        };
        match relation(&self.rows[index], record, old) {
            Relation::Same => {
                let Self { rows, books, .. } = self;
                books.left(&rows[index], record.time);
                self.advance(index, record, new);
            }
            Relation::Behind => {
                self.correct(Correction::WrongState);
                self.advance(index, record, new);
            }
            Relation::Stranger => {
                self.bury(record.ends.sk);
                self.admit(record, new);
            }
        }
    }

    /// Applies a transition into CLOSE, with the socket's last numbers.
    pub fn close(&mut self, record: &Close) {
        self.end(&record.state, Some(record));
    }

    /// Counts segments sent again; those of a socket without a row under process and role
    /// `unknown`.
    pub fn retransmit(&mut self, record: &Retransmit) {
        self.books.retransmits += 1;
        if record.err < 0 {
            self.books.retransmit_failures[RetransmitError::from_errno(record.err).index()] +=
                u64::from(record.segments);
            return;
        }
        let group = match self.find(record.ends.sk) {
            Some(index) => {
                let row = &mut self.rows[index];
                row.retransmitted = row.retransmitted.saturating_add(record.segments);
                row.group
            }
            None => Groups::nobody(Role::Unknown),
        };
        self.groups.retransmit(group, record);
    }

    /// Counts a SYN-ACK sent again, by the listener's port.
    pub fn synack_retransmit(&mut self, record: &Retransmit) {
        self.books.retransmits += 1;
        self.ports.count(record.ends.local_port);
    }

    /// Makes a row for a socket that had none.
    fn admit(&mut self, record: &State, new: SocketState) {
        let birth = is_birth(record);
        if self.rows.len() >= self.rows.limit() {
            // A socket without a row is refused once, at its birth; its later records find no row
            // and try again, so it is adopted as soon as there is room.
            self.books.refused += u64::from(birth);
            return;
        }
        if !birth && self.knows(record.ends.netns) {
            self.correct(Correction::MissedOpen);
        }
        let mut row = Self::stranger(&record.ends, new, role_at(record.old, new), record.time);
        row.flags |= if birth { 0 } else { flag::BORN_BEFORE };
        row.queues.moved(record.flags, new);
        row.take_flags(record.flags);
        note_first_fin(&mut row);
        self.name_owner(&mut row, record);
        if is_connected(new) {
            self.connect(&mut row, is_opening(record), record.time);
        }
        self.store(row);
    }

    /// Moves a row on to its next state.
    fn advance(&mut self, index: u32, record: &State, new: SocketState) {
        self.unlink(index);
        let row = &mut self.rows[index];
        let owner = row.owner;
        row.take_ends(&record.ends);
        row.state = new;
        row.entered = record.time;
        row.flags &= !flag::ENTERED_BEFORE;
        row.queues.moved(record.flags, new);
        row.take_flags(record.flags);
        note_first_fin(row);
        self.name_owner_of(index, record);
        let mut row = &mut self.rows[index];
        if is_connected(new) && !row.has(flag::CONNECTED) {
            let mut opened = *row;
            self.connect(&mut opened, is_opening(record), record.time);
            row = &mut self.rows[index];
            *row = opened;
        }
        self.books.unattributed -= u64::from(owner == Owner::None && row.owner != Owner::None);
        self.link(index);
    }

    /// A row that is not in the table yet, of an unknown process.
    pub(super) fn stranger(ends: &Endpoints, state: SocketState, role: Role, time: u64) -> Row {
        let mut row = Row::new(ends, state, role, time);
        row.group = Groups::nobody(role);
        row
    }

    /// Whether every socket of a namespace should have a row, because a pass has read its list.
    pub(super) fn knows(&self, netns: u32) -> bool {
        self.seeded && self.known.contains(&netns)
    }

    /// Counts a row as opened, or as adopted where it was open before the agent.
    pub(super) fn connect(&mut self, row: &mut Row, seen: bool, time: u64) {
        row.flags |= flag::CONNECTED;
        if !seen && !self.knows(row.netns) && row.has(flag::BORN_BEFORE) {
            self.books.adopted += 1;
            return;
        }
        if seen {
            row.opened_at(time);
        }
        let service = self.services.of(row, &self.groups);
        service.opened += 1;
        if seen && row.role == Role::Client && !row.has(flag::BORN_BEFORE) {
            service.connect_duration.observe_whole(&NANOSECONDS, time.saturating_sub(row.born));
        }
    }
}
