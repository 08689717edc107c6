//! A transition that does not end in CLOSE, and retransmitted segments.
//!
//! Called by the ingest thread only, through `table`, in the order of the rings. Guarantees: one
//! hash look-up a record (two if a record reveals another socket at the same address), no
//! allocation in a steady population, no panic on any sequence of records, memory bounded by
//! [`Limits`](crate::conn::limits::Limits).
//!
//! `socket::observe` decides what becomes of a row. What is counted:
//! - A connection counts as opened once: when it reaches ESTABLISHED, or when a later record or
//!   pass reveals that it did. One that was open before the agent counts as adopted.
//! - It counts as closed once, with reason `other` if the close was missed. So opened + adopted -
//!   closed = connected rows, at every moment.
//! - Opening and closing count under the owner known at that time: a connection that another
//!   process takes over in between opens with one and closes with the other.
//!
//! A socket that was refused because the table was full has no row. Its next record or entry makes
//! one if there is room again. If it closes first, it counts as opened and closed at once.

use agent_common::record::{Retransmit, State};
use catalogue::labels::{RetransmitError, Role, SocketState};

use crate::conn::account::groups::Groups;
use crate::conn::core::Core;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::relation::Relation;

impl Core {
    /// Applies a transition. One into CLOSE counts as [`Self::close`] without numbers. One that
    /// names a state that no row has is ignored.
    #[inline]
    pub(crate) fn transition(&mut self, record: &State) -> Effect {
        match Observation::of_record(record) {
            Some(Observation::Transition { old, new, .. }) => self.step(old, new, record),
            Some(Observation::Close { old, .. }) => {
                self.end(old, record, None);
                Effect::Closed
            }
            Some(Observation::Listed { .. }) | None => Effect::None,
        }
    }

    /// Counts retransmitted segments. Those of a socket without a row count under process and role
    /// `unknown`.
    pub(crate) fn retransmit(&mut self, record: &Retransmit) {
        self.counters.retransmits += 1;
        // A queue that drops the segment says so by a positive number (`net_xmit_eval`).
        if record.err != 0 {
            self.counters.retransmit_failures[RetransmitError::from_errno(record.err).index()] +=
                u64::from(record.segments);
            return;
        }
        self.unseen.note(record.ends.netns, record.segments.into());
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

    /// Counts a retransmitted SYN-ACK, by the listener's port.
    pub(crate) fn synack_retransmit(&mut self, record: &Retransmit) {
        self.counters.retransmits += 1;
        self.unseen.note(record.ends.netns, 1);
        self.ports.count(record.ends.local_port);
    }

    /// Takes a transition that does not end in CLOSE into the row of its socket.
    #[inline]
    fn step(&mut self, old: Option<SocketState>, new: SocketState, record: &State) -> Effect {
        let transition = Observation::Transition { old, new, record };
        self.counters.transitions += 1;
        let Some(index) = self.find(record.ends.sk) else {
            return self.admit(old, new, record);
        };
        // The row's state says which list it is in, so it leaves the list before the state changes.
        self.unlink(index);
        let outcome = observe(&mut self.rows[index], &transition);
        if outcome.relation == Relation::OtherSocket {
            self.replace(index, outcome);
            return self.admit(old, new, record);
        }
        self.count(&outcome, record.ends.netns);
        self.attribute_at(index, outcome.inherits, record);
        if let Some(opening) = outcome.opening {
            let mut row = self.rows[index];
            self.count_opening(&mut row, opening);
            self.rows[index].service = row.service;
        }
        self.link(index);
        Effect::None
    }

    /// Makes a row for a socket that had none.
    #[inline]
    fn admit(&mut self, old: Option<SocketState>, new: SocketState, record: &State) -> Effect {
        let transition = Observation::Transition { old, new, record };
        let (mut row, outcome) = Self::first_row(&transition);
        if self.rows.len() < self.scarce_from {
            self.attribute(&mut row, outcome.inherits, record);
        } else if !self.attribute_scarce(&mut row, outcome.inherits, record) {
            // A socket without a row is refused once, at its birth. Its later records find no row
            // and try again, so it is adopted as soon as there is room.
            self.counters.refused += u64::from(outcome.relation == Relation::Birth);
            return Effect::None;
        }
        self.count(&outcome, record.ends.netns);
        if let Some(opening) = outcome.opening {
            self.count_opening(&mut row, opening);
        }
        self.store(row).map_or(Effect::None, Effect::Stored)
    }
}
