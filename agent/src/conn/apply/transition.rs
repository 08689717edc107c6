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

use agent_common::record::{Close, Retransmit, State};
use agent_common::tcp;

use crate::conn::account::groups::Groups;
use crate::conn::core::Core;
use crate::conn::labels::{Correction, RetransmitError, Role, SocketState};
use crate::conn::socket::attribution::Owner;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::row::flag;
use crate::conn::socket::succession::{
    Relation, is_birth, is_connected, is_opening, note_first_fin, relation, role_at,
};

impl Core {
    /// Applies a transition. One into CLOSE counts as [`Self::close`] without numbers; states that
    /// no record can carry are ignored.
    pub(crate) fn transition(&mut self, record: &State) -> Effect {
        if record.new == tcp::CLOSE {
            return self.end(record, None);
        }
        let Some(new) = SocketState::from_code(record.new) else { return Effect::None };
        let old = SocketState::from_code(record.old);
        if record.old != tcp::CLOSE && old.is_none() {
            return Effect::None;
        }
        self.books.transitions += 1;
        let Some(index) = self.find(record.ends.sk) else {
            return self.admit(record, new);
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
                return self.admit(record, new);
            }
        }
        Effect::None
    }

    /// Applies a transition into CLOSE, with the socket's last numbers.
    pub(crate) fn close(&mut self, record: &Close) -> Effect {
        self.end(&record.state, Some(record))
    }

    /// Counts segments sent again; those of a socket without a row under process and role
    /// `unknown`.
    pub(crate) fn retransmit(&mut self, record: &Retransmit) {
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
    pub(crate) fn synack_retransmit(&mut self, record: &Retransmit) {
        self.books.retransmits += 1;
        self.ports.count(record.ends.local_port);
    }

    /// Makes a row for a socket that had none.
    fn admit(&mut self, record: &State, new: SocketState) -> Effect {
        let birth = is_birth(record);
        if self.rows.len() >= self.rows.limit() {
            // A socket without a row is refused once, at its birth; its later records find no row
            // and try again, so it is adopted as soon as there is room.
            self.books.refused += u64::from(birth);
            return Effect::None;
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
        self.store(row).map_or(Effect::None, Effect::Stored)
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
}
