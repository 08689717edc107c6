//! The MPTCP connections that a pass meets: descriptors refer to them, rows are their subflows.
//!
//! Filled while the socket lists are read, then while the descriptor tables are; the commit takes
//! what these showed into the rows. Guarantee: of a connection one subflow leads, under which it is
//! counted.

use agent_common::record::Holder;
use catalogue::labels::SocketState;
use hashbrown::HashMap;

use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::conn::socket::row::flag;

/// The MPTCP connections of a pass.
#[derive(Default)]
pub(crate) struct Subflows {
    /// The place of each by the address of its MPTCP socket.
    places: HashMap<u64, usize>,
    connections: Vec<Connection>,
}

/// An MPTCP connection.
#[derive(Default)]
struct Connection {
    /// With the socket of each.
    rows: Vec<(RowId, u64)>,
    /// The code of its state; 0 until a descriptor is met.
    code: u8,
}

impl Subflows {
    /// Notes that the row of the socket `sk` is a subflow of the connection with an MPTCP socket at
    /// `outer`.
    pub(crate) fn add(&mut self, outer: u64, index: RowId, sk: u64) {
        let Self { places, connections } = self;
        let place = *places.entry(outer).or_insert_with(|| {
            connections.push(Connection::default());
            connections.len() - 1
        });
        connections[place].rows.push((index, sk));
    }

    /// Notes the state of the connection that a descriptor refers to. Returns its place; `None` if
    /// the descriptor refers to none.
    pub(crate) fn meet(&mut self, entry: &Holder) -> Option<usize> {
        let place = *self.places.get(&entry.sk)?;
        self.connections[place].code = entry.state;
        Some(place)
    }

    /// Returns a subflow of the connection at a place, by its number, and its socket; `None` if
    /// there are fewer. Another socket may have that row by now.
    pub(crate) fn row(&self, place: usize, number: usize) -> Option<(RowId, u64)> {
        self.connections[place].rows.get(number).copied()
    }

    /// Takes the states of about as many connections as `budget` says, from number `at` on, into
    /// the rows that the pass with this number saw; the states stay as they are if the descriptor
    /// tables were not `read`. Returns whether it came to the last.
    pub(crate) fn take_states(
        &self,
        core: &mut Core,
        (number, read): (u8, bool),
        at: &mut u32,
        now: Nanos,
        budget: &mut Budget,
    ) -> bool {
        let from = (*at as usize).min(self.connections.len());
        let mut left = self.connections[from..].iter();
        while !budget.is_spent() {
            let Some(connection) = left.next() else { return true };
            connection.take_state(core, number, read.then_some(connection.code), now);
            budget.spend(connection.rows.len());
            *at += 1;
        }
        left.len() == 0
    }
}

impl Connection {
    /// Takes the state, if it was read, into the rows of the subflows. What has another row by now
    /// is no subflow.
    fn take_state(&self, core: &mut Core, number: u8, state: Option<u8>, now: Nanos) {
        let is_there = |core: &Core, (index, sk): (RowId, u64)| {
            let row = &core.rows[index];
            row.has(flag::LIVE) && row.seen == number && row.sk == sk
        };
        let there = self.rows.iter().copied().filter(|row| is_there(core, *row));
        let there: Vec<RowId> = there.map(|(index, _)| index).collect();
        // A subflow that ends has a state of its own to be counted by.
        let leader = there
            .iter()
            .min_by_key(|index| core.rows[**index].state != SocketState::Established)
            .copied();
        for index in there {
            core.rows.activity_mut(index).take_multipath(state, Some(index) == leader, now);
        }
    }
}
