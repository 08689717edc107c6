//! How rows change groups while they stay in their state, which only a pass makes them do.
//!
//! Used by the pass. Each list is in order of time while the holders come in order of processes, so
//! the moves are gathered, sorted, and made with one walk a list and batch instead of one walk a row.

use super::labels::SocketState;
use super::owner::Owner;
use super::rows::{NIL, flag};
use super::table::Table;

/// Rows that change groups are sorted into their new lists in batches of this size.
const BATCH: usize = 1 << 16;

/// A row and the group that it belongs to.
pub(super) struct Move {
    index: u32,
    group: u16,
    /// The row's socket, in case the row is used again before the move.
    sk: u64,
}

impl Table {
    /// Remembers that a row belongs to another group.
    pub(super) fn plan_move(&mut self, index: u32, group: u16) {
        let Some(pass) = &mut self.pass else { return };
        pass.moves.push(Move { index, group, sk: self.rows[index].sk });
        if pass.moves.len() >= BATCH {
            self.apply_moves();
        }
    }

    /// Makes the planned moves. A row that was freed or used again since is left alone; one whose
    /// owner has shown itself since keeps that owner.
    pub(super) fn apply_moves(&mut self) {
        let Some(pass) = &mut self.pass else { return };
        let mut loose = Vec::new();
        for planned in std::mem::take(&mut pass.moves) {
            let row = self.rows[planned.index];
            if !row.has(flag::LIVE) || row.sk != planned.sk {
                continue;
            }
            let source = if row.owner == Owner::Exact { row.group } else { planned.group };
            let group = self.groups.in_role(source, row.role);
            if group == row.group {
                continue;
            }
            if !row.has(flag::LOOSE) {
                self.unlink(planned.index);
                self.rows[planned.index].flags |= flag::LOOSE;
                loose.push(planned.index);
            }
            self.rows[planned.index].set_group(group);
        }
        self.link_loose(loose);
    }

    /// Sorts loose rows into their lists, from the youngest to the oldest, each list walked once.
    pub(super) fn link_loose(&mut self, mut loose: Vec<u32>) {
        let Self { rows, groups, cuts, listeners, .. } = self;
        let key = |index: &u32| (rows[*index].group, rows[*index].state, rows[*index].is_left(), rows[*index].entered, *index);
        loose.sort_unstable_by_key(|index| std::cmp::Reverse(key(index)));
        let mut done = (NIL, None);
        for index in loose {
            let place = Some((rows[index].group, rows[index].state, rows[index].is_left()));
            let list = groups.list_of(&rows[index]);
            let start = if done.1 == place { done.0 } else { list.tail() };
            list.insert(rows, index, start, cuts);
            rows[index].flags &= !flag::LOOSE;
            done = (index, place);
            if rows[index].state == SocketState::Listen {
                listeners.add(rows[index].netns, rows[index].local_port, rows[index].local, index);
            }
        }
    }
}
