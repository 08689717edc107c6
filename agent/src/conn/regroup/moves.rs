//! One move of a row: what it changes, and the place in a list that it leads to.
//!
//! Used by `queue`, which gathers, sorts and makes them.

use catalogue::labels::SocketState;

use crate::conn::core::Core;
use crate::conn::ids::{GroupId, RowId};
use crate::conn::nanos::Nanos;
use crate::conn::socket::row::Row;

/// A row and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The row's socket and its birth, which tell whether the row or the address was used again
    /// before the move.
    pub(super) sk: u64,
    pub(super) born: Nanos,
    pub(super) index: RowId,
    pub(super) to: Change,
}

/// What a move changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Moves the row to this group; an owner that has shown itself since is kept.
    Group(GroupId),
    /// Moves the row from one group to another, if it is still there.
    IfUnmoved { from: GroupId, group: GroupId },
    /// The row entered its state at this time or before, if it still has a lower bound only.
    Since(Nanos),
}

/// The place that a row moves to: a list, and the row's time in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) group: GroupId,
    pub(super) state: SocketState,
    pub(super) left: bool,
    pub(super) entered: Nanos,
    pub(super) index: RowId,
}

impl Target {
    pub(super) fn of(index: RowId, row: &Row, group: GroupId) -> Self {
        Self { group, state: row.state, left: row.is_left(), entered: row.entered, index }
    }

    /// Returns the place of a row that has its own time.
    pub(super) fn at(index: RowId, row: &Row, group: GroupId, entered: Nanos) -> Self {
        Self { entered, ..Self::of(index, row, group) }
    }

    /// Returns the order by list, then by time, as one number that compares at once.
    #[inline]
    pub(super) fn order(&self) -> u128 {
        let list = u128::from(self.group.get()) << 16
            | (self.state.index() as u128) << 8
            | u128::from(self.left);
        list << 96 | u128::from(self.entered.get()) << 32 | u128::from(self.index.get())
    }

    pub(super) fn is_in_list_of(&self, other: &Self) -> bool {
        (self.group, self.state, self.left) == (other.group, other.state, other.left)
    }
}

impl Move {
    pub(super) fn new(core: &Core, index: RowId, to: Change) -> Self {
        let row = &core.rows[index];
        Self { sk: row.sk, born: row.born, index, to }
    }
}
