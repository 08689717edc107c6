//! A transition into CLOSE: the row leaves the table and its end is counted.
//!
//! Called by `table` through `Core::close`, and by `transition`.

use agent_common::record::{Close, State};

use crate::conn::core::Core;
use crate::conn::labels::{Correction, Role, SocketState};
use crate::conn::socket::effect::Effect;
use crate::conn::socket::ending::{close_reason, connect_failure, is_connect};
use crate::conn::socket::row::{Row, flag};
use crate::conn::socket::succession::{Relation, is_connected, note_first_fin, relation};

impl Core {
    /// Removes the row of a closed socket and counts its end. A socket that had no row counts as if
    /// it had been found just before.
    pub(crate) fn end(&mut self, record: &State, numbers: Option<&Close>) -> Effect {
        let Some(old) = SocketState::from_code(record.old) else { return Effect::None };
        self.books.transitions += 1;
        let mut row = self.last_row(record, old);
        row.state = old;
        row.take_ends(&record.ends);
        note_first_fin(&mut row);
        self.name_owner(&mut row, record);
        if is_connected(old) && !row.has(flag::CONNECTED) {
            self.connect(&mut row, false, record.time);
        }
        if row.has(flag::CONNECTED) {
            let lasted = row.opened().map(|opened| record.time.saturating_sub(opened));
            let reason = close_reason(old, record.err, &row);
            self.services.of(&mut row, &self.groups).closed(reason, lasted, numbers);
        } else if is_connect(old, row.role) {
            let reason = connect_failure(record.err, row.local_port, old);
            self.services.of(&mut row, &self.groups).failed(reason);
        }
        Effect::Closed { sk: record.ends.sk, time: record.time }
    }

    /// The row that a socket had when it closed, out of the table; a fresh one where it had none.
    fn last_row(&mut self, record: &State, old: SocketState) -> Row {
        if let Some(entry) = self.index.entry(record.ends.sk, &self.rows) {
            match relation(&self.rows[*entry.get()], record, Some(old)) {
                Relation::Stranger => self.bury(record.ends.sk),
                relation => {
                    let (index, _) = entry.remove();
                    let row = self.release(index);
                    if relation == Relation::Behind {
                        self.correct(Correction::WrongState);
                    } else {
                        self.books.left(&row, record.time);
                    }
                    return row;
                }
            }
        }
        if self.knows(record.ends.netns) {
            self.correct(Correction::MissedOpen);
        }
        let role = match old {
            SocketState::SynSent => Role::Client,
            SocketState::Listen => Role::Server,
            _ => Role::Unknown,
        };
        let mut row = Self::stranger(&record.ends, old, role, record.time);
        row.flags |= flag::BORN_BEFORE;
        row
    }
}
