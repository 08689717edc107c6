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
    rows: Vec<RowId>,
    /// The code of its state; 0 until a descriptor is met.
    code: u8,
}

impl Subflows {
    /// Notes that a row is a subflow of the connection with an MPTCP socket at `outer`.
    pub(crate) fn add(&mut self, outer: u64, index: RowId) {
        let Self { places, connections } = self;
        let place = *places.entry(outer).or_insert_with(|| {
            connections.push(Connection::default());
            connections.len() - 1
        });
        connections[place].rows.push(index);
    }

    /// Notes the state of the connection that a descriptor refers to. Returns its place; `None` if
    /// the descriptor refers to none.
    pub(crate) fn meet(&mut self, entry: &Holder) -> Option<usize> {
        let place = *self.places.get(&entry.sk)?;
        self.connections[place].code = entry.state;
        Some(place)
    }

    /// Returns a subflow of the connection at a place, by its number; `None` if there are fewer.
    pub(crate) fn row(&self, place: usize, number: usize) -> Option<RowId> {
        self.connections[place].rows.get(number).copied()
    }

    /// Takes the states of about as many connections as `budget` says, from number `at` on, into
    /// the rows that the pass with this number saw. Returns whether it came to the last.
    pub(crate) fn take_states(
        &self,
        core: &mut Core,
        number: u8,
        at: &mut u32,
        now: Nanos,
        budget: &mut Budget,
    ) -> bool {
        let from = (*at as usize).min(self.connections.len());
        let mut left = self.connections[from..].iter();
        while !budget.is_spent() {
            let Some(connection) = left.next() else { return true };
            connection.take_state(core, number, now);
            budget.spend(connection.rows.len());
            *at += 1;
        }
        left.len() == 0
    }
}

impl Connection {
    /// Takes the state into the rows of the subflows. What has another row by now is no subflow.
    fn take_state(&self, core: &mut Core, number: u8, now: Nanos) {
        let Self { rows, code } = self;
        let is_there = |core: &Core, index: RowId| {
            core.rows[index].has(flag::LIVE) && core.rows[index].seen == number
        };
        // A subflow that ends has a state of its own to be counted by.
        let leader = rows
            .iter()
            .filter(|index| is_there(core, **index))
            .min_by_key(|index| core.rows[**index].state != SocketState::Established)
            .copied();
        for &index in rows {
            if is_there(core, index) {
                core.rows.activity_mut(index).take_multipath(*code, Some(index) == leader, now);
            }
        }
    }
}
