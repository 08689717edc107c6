//! Entries of the kernel's socket list: they confirm and correct rows, and make those that are
//! missing.
//!
//! Called by the pass, for each entry of a socket that can have a row.

use agent_common::record::Socket;

use crate::conn::core::Core;
use crate::conn::labels::SocketState;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Outcome;
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::Row;

impl Core {
    /// Takes an entry into the row at its socket's address. If that is another socket's row, it is
    /// gone then.
    pub(crate) fn relist(&mut self, index: u32, state: SocketState, entry: &Socket) -> Outcome {
        let mut row = self.rows[index];
        let outcome = observe(&mut row, &Observation::Listed { state, entry });
        match outcome.relation {
            Relation::OtherSocket => {
                self.unlink(index);
                self.replace(index, outcome);
                return outcome;
            }
            Relation::Confirmed => self.confirm(index, row),
            Relation::Skipped => {
                self.unlink(index);
                if let Some(opening) = outcome.opening {
                    self.count_opening(&mut row, opening);
                }
                self.rows[index] = row;
                self.link(index);
            }
            Relation::Birth | Relation::Unseen | Relation::InOrder | Relation::Outdated => {}
        }
        self.count(&outcome, row.netns);
        outcome
    }

    /// Makes a row for an entry that has none, seen by the pass with this number; none if the table
    /// is full.
    pub(crate) fn enlist(&mut self, state: SocketState, entry: &Socket, number: u8) -> Option<u32> {
        let (mut row, outcome) = Self::first_row(&Observation::Listed { state, entry });
        row.seen = number;
        self.count(&outcome, row.netns);
        if outcome.inherits {
            self.inherit(&mut row);
        }
        if let Some(opening) = outcome.opening {
            self.count_opening(&mut row, opening);
        }
        self.store(row)
    }

    /// Puts a confirmed row in place of what it was. It changes lists only if it becomes an orphan
    /// in FIN_WAIT2 or ceases to be one, and its listener's port only if it had none.
    fn confirm(&mut self, index: u32, row: Row) {
        let old = &self.rows[index];
        if (old.is_left(), old.local_port) != (row.is_left(), row.local_port) {
            self.unlink(index);
            self.rows[index] = row;
            self.link(index);
        } else if row.state == SocketState::CloseWait {
            let Self { rows, groups, .. } = self;
            groups.list_of(&row).restage(&mut rows[index], |old| *old = row);
        } else {
            self.rows[index] = row;
        }
    }
}
