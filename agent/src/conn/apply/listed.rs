//! Entries of the kernel's socket list: they confirm and correct rows, and add those that are
//! missing.
//!
//! Called by the pass, for each entry of a socket that can have a row.

use agent_common::record::Socket;
use catalogue::labels::SocketState;

use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::socket::activity::{ACCEPT_GRACE, began_before, has_connected};
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Outcome;
use crate::conn::socket::relation::{Relation, relation};
use crate::conn::socket::row::Row;

impl Core {
    /// Takes an entry into the row at its socket's address and marks it as seen by the pass with
    /// this number. If the row is another socket's, it is removed.
    #[inline]
    pub(crate) fn relist(
        &mut self,
        index: RowId,
        state: SocketState,
        entry: &Socket,
        number: u8,
    ) -> Outcome {
        let listed = Observation::Listed { state, entry };
        let Self { rows, groups, .. } = self;
        let row = &mut rows[index];
        // Nearly every entry confirms a row and changes nothing that decides its list. Such a row
        // is changed in place.
        let is_confirmed = relation(row, &listed) == Relation::Confirmed && row.local_port != 0;
        match row.state {
            SocketState::CloseWait if is_confirmed => {
                row.seen = number;
                groups.list_of(row).restage(row, |row| observe(row, &listed))
            }
            state if is_confirmed && state != SocketState::FinWait2 => {
                row.seen = number;
                observe(row, &listed)
            }
            _ => self.relist_anew(index, &listed, number),
        }
    }

    /// Does the same for a row that may change lists.
    #[inline(never)]
    fn relist_anew(&mut self, index: RowId, listed: &Observation<'_>, number: u8) -> Outcome {
        let mut row = self.rows[index];
        let outcome = observe(&mut row, listed);
        row.seen = number;
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
            Relation::Birth | Relation::Unseen | Relation::InOrder | Relation::Outdated => {
                self.rows[index].seen = number;
            }
        }
        self.count(&outcome, row.netns);
        outcome
    }

    /// Makes a row for an entry that has none, seen by the pass with this number. Makes none if the
    /// table is full.
    pub(crate) fn enlist(
        &mut self,
        state: SocketState,
        entry: &Socket,
        number: u8,
    ) -> Option<RowId> {
        let (mut row, outcome) = Self::first_row(&Observation::Listed { state, entry });
        row.seen = number;
        if let Some((born, _)) = began_before(entry, self.tick) {
            row.born = row.born.min(born);
        }
        self.count(&outcome, row.netns);
        if outcome.inherits && !has_connected(entry) {
            self.inherit(&mut row);
        }
        if let Some(role) = self.role_of(&row, entry) {
            self.take_role(&mut row, role);
        }
        if let Some(opening) = outcome.opening {
            self.count_opening(&mut row, opening);
        }
        self.store(row)
    }

    /// Takes what an entry tells of what the connection of its row has done.
    #[inline]
    pub(crate) fn take_activity(&mut self, index: RowId, entry: &Socket) {
        let row = &self.rows[index];
        let waits = row.is_unaccepted()
            && Nanos::new(entry.time).saturating_sub(row.opened().unwrap_or(row.born))
                >= ACCEPT_GRACE;
        self.rows.activity_mut(index).take(entry, self.tick, waits);
    }

    /// Replaces a row by its confirmed self. It changes lists only if it becomes an orphan in
    /// FIN_WAIT2 or ceases to be one, and its listener's port only if it had none.
    fn confirm(&mut self, index: RowId, row: Row) {
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
