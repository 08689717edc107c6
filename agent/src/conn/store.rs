//! How rows get into the table, into their lists, and out again.

use super::labels::{CloseReason, Correction, SocketState};
use super::owner::Owner;
use super::rows::{NIL, Row, flag};
use super::table::Table;

impl Table {
    /// The row of a socket.
    #[inline]
    pub(super) fn find(&self, sk: u64) -> Option<u32> {
        self.index.find(sk, &self.rows)
    }

    /// Puts a row into the table; false where it is full.
    pub(super) fn store(&mut self, row: Row) -> bool {
        let Some(index) = self.rows.insert(row) else { return false };
        self.index.insert(row.sk, index, &self.rows);
        self.books.unattributed += u64::from(row.owner == Owner::None);
        if let Some(pass) = &mut self.pass {
            pass.processes.forget(index);
        }
        self.link(index);
        true
    }

    /// Takes the row of a socket out of the table.
    pub(super) fn extract(&mut self, sk: u64) -> Option<Row> {
        let (index, _) = self.index.entry(sk, &self.rows)?.remove();
        Some(self.release(index))
    }

    /// Takes a row that the index has no more out of its list and its place.
    pub(super) fn release(&mut self, index: u32) -> Row {
        self.unlink(index);
        let row = self.rows.remove(index);
        self.books.unattributed -= u64::from(row.owner == Owner::None);
        row
    }

    /// Removes the row of a socket whose close was missed. A connection counts as closed for `other`
    /// reasons; a connect whose outcome nobody saw counts nowhere.
    pub(super) fn bury(&mut self, sk: u64) {
        let Some(mut row) = self.extract(sk) else { return };
        self.correct(Correction::MissedClose);
        if row.has(flag::CONNECTED) {
            self.services.of(&mut row, &self.groups).closed(CloseReason::Other, None, None);
        }
    }

    /// Puts a row into the list of its group and state. Where its time is a lower bound on its age
    /// anyway, the youngest row's time is as good and saves the walk.
    pub(super) fn link(&mut self, index: u32) {
        let row = &self.rows[index];
        let list = self.groups.list_of(row);
        let tail = list.tail();
        if row.has(flag::ENTERED_BEFORE) && tail != NIL {
            self.rows[index].entered = row.entered.max(self.rows[tail].entered);
        }
        list.insert(&mut self.rows, index, tail);
        let row = &self.rows[index];
        if row.state == SocketState::Listen {
            self.listeners.add(row.netns, row.local_port, row.local, index);
        }
    }

    /// Takes a row out of the list of its group and state.
    pub(super) fn unlink(&mut self, index: u32) {
        let row = &self.rows[index];
        if row.state == SocketState::Listen {
            self.listeners.remove(row.netns, row.local_port, index);
        }
        self.groups.list_of(row).remove(&mut self.rows, index);
    }

    /// Counts a correction.
    pub(super) fn correct(&mut self, kind: Correction) {
        self.books.corrections[kind.index()] += 1;
    }
}
