//! How rows change groups, or their place in time, while they stay in their state, which only a
//! pass and the name of a workload make them do.
//!
//! Used by the pass and by `migration`. Each list is in order of time, but holders come in order of
//! processes. So the moves are gathered and sorted, and a batch costs one walk a list instead of
//! one walk a row. Guarantees: records may come between any two slices; a row is in exactly one
//! list at every moment.

use catalogue::labels::SocketState;

use super::moves::{Change, Move, Target};
use crate::conn::core::Core;
use crate::conn::ids::{GroupId, RowId};
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::row::flag;

/// How many moves are sorted at once, which takes one or two milliseconds.
pub(crate) const RUN: usize = 1 << 14;
/// How many such runs share one walk through each list. Walks cost most if rows are in no order of
/// time.
const RUNS: usize = 4;

/// The planned moves, and how far they have come.
#[derive(Debug, Default)]
pub(crate) struct RegroupQueue {
    planned: Vec<Move>,
    /// The batch in sorted runs. In each the next move is the last: runs are sorted by list, and in
    /// a list from the youngest to the oldest.
    runs: Vec<Vec<(Target, Move)>>,
    /// Whether the batch is complete and its walk has begun.
    walking: bool,
    /// Where the walk through the list of the last move stands, and the socket of the row there.
    cursor: Option<(Target, u64)>,
}

/// Proof that no move is planned. A planned move names its group by number, so no group may end and
/// no pass may begin while one is planned.
pub(crate) struct Drained<'a>(&'a mut RegroupQueue);

impl Drained<'_> {
    /// Plans that `rows` move to a group, which ends the proof.
    pub(super) fn enqueue_all(self, core: &Core, rows: &[RowId], group: GroupId) {
        for index in rows {
            self.0.enqueue_if_unmoved(core, *index, group);
        }
    }
}

impl RegroupQueue {
    /// Returns whether enough moves are gathered to be worth a walk, or such a walk has begun.
    pub(crate) fn is_due(&self) -> bool {
        !self.runs.is_empty() || self.planned.len() >= RUNS * RUN
    }

    /// Returns whether no move is planned.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.planned.is_empty()
    }

    /// Returns the next move of the batch and the run that it is from; `None` at the end of the
    /// batch.
    fn pop(&mut self) -> Option<(usize, Target, Move)> {
        let first = |run: &usize| self.runs[*run].last().map(|(target, _)| target.order());
        let run = (0..self.runs.len()).max_by_key(first)?;
        let (target, planned) = self.runs[run].pop()?;
        Some((run, target, planned))
    }
}

impl RegroupQueue {
    /// Plans that a row moves to another group. A caller that plans many moves calls [`Self::step`]
    /// now and then.
    pub(crate) fn enqueue(&mut self, core: &mut Core, index: RowId, group: GroupId) {
        self.plan(core, index, Change::Group(group));
    }

    /// Remembers that a row of which only a lower bound is known entered its state at `since` or
    /// before.
    pub(crate) fn enqueue_since(&mut self, core: &mut Core, index: RowId, since: Nanos) {
        self.plan(core, index, Change::Since(since));
    }

    /// Plans the same, however well the owner is known. A row that leaves its group by itself
    /// before the move stays where it went.
    pub(crate) fn enqueue_if_unmoved(&mut self, core: &Core, index: RowId, group: GroupId) {
        let to = Change::IfUnmoved { from: core.rows[index].group, group };
        self.planned.push(Move::new(core, index, to));
    }

    fn plan(&mut self, core: &mut Core, index: RowId, to: Change) {
        self.planned.push(Move::new(core, index, to));
        if self.planned.len() >= 2 * RUNS * RUN {
            self.drain(core);
        }
    }

    /// Makes all planned moves.
    pub(crate) fn drain(&mut self, core: &mut Core) {
        while !self.is_empty() {
            self.step(core, &mut Budget::UNLIMITED.clone());
        }
    }

    /// Returns the proof that no move is planned; `None` if one is.
    pub(crate) fn drained(&mut self) -> Option<Drained<'_>> {
        self.is_empty().then_some(Drained(self))
    }

    /// Makes planned moves, at most a batch, and takes the rows it looked at from `budget`. A row
    /// that was freed or used again since is left alone. A row whose owner has made a system call
    /// since keeps that owner.
    pub(crate) fn step(&mut self, core: &mut Core, budget: &mut Budget) {
        while !self.walking {
            if budget.is_spent() {
                return;
            }
            self.walking = self.planned.is_empty() || self.runs.len() == RUNS;
            if !self.walking {
                self.sort_run(core, budget);
            }
        }
        while !budget.is_spent() {
            let Some((run, target, planned)) = self.pop() else {
                // The next batch may have rows that are older than those at which this one ends.
                (self.cursor, self.walking) = (None, false);
                self.runs.clear();
                return;
            };
            let Some(now) = Self::target_of(core, &planned) else { continue };
            if !now.is_in_list_of(&target) || now.entered != target.entered {
                self.planned.push(planned);
                continue;
            }
            if !self.seek(core, &now, budget) {
                self.runs[run].push((target, planned));
                return;
            }
            self.relink(core, &now);
            budget.spend(1);
        }
    }

    fn sort_run(&mut self, core: &mut Core, budget: &mut Budget) {
        let rest = self.planned.len().saturating_sub(RUN);
        let mut planned = std::mem::take(&mut self.planned);
        let mut run = Vec::with_capacity(planned.len() - rest);
        for planned in planned.drain(rest..) {
            if let Some(target) = Self::target_of(core, &planned) {
                // What has no room for a name is counted here, and not again when its turn comes.
                let to = match planned.to {
                    Change::Group(_) => Change::Group(target.group),
                    other => other,
                };
                run.push((target, Move { to, ..planned }));
            }
        }
        self.planned = planned;
        budget.spend(run.len());
        // Moves are taken from the end of a run.
        run.sort_unstable_by_key(|(target, _)| target.order());
        self.runs.push(run);
    }

    /// Returns where a row belongs now; `None` if the row is gone or is there already.
    fn target_of(core: &mut Core, planned: &Move) -> Option<Target> {
        let row = &core.rows[planned.index];
        if !row.has(flag::LIVE) || row.sk != planned.sk || row.born != planned.born {
            return None;
        }
        let group = match planned.to {
            Change::Group(group) => {
                // Where its role is another by now, and nothing more, the plan was made for that.
                let stays = row.attribution == Attribution::FromSyscall
                    && core.groups.role(row.group) == row.role;
                core.groups.in_role(if stays { row.group } else { group }, row.role)
            }
            Change::IfUnmoved { from, group } if from == row.group => group,
            Change::IfUnmoved { .. } => return None,
            Change::Since(since) => {
                let is_older = row.has(flag::ENTERED_BEFORE) && since < row.entered;
                return is_older.then(|| Target::at(planned.index, row, row.group, since));
            }
        };
        let row = &core.rows[planned.index];
        (group != row.group).then(|| Target::of(planned.index, row, group))
    }

    /// Walks back to the row after which another belongs. Returns `false` if the budget ends before
    /// that.
    fn seek(&mut self, core: &mut Core, target: &Target, budget: &mut Budget) -> bool {
        let Core { rows, groups, .. } = core;
        let queue = self;
        let tail = groups.list_at(target.group, target.state, target.left).tail();
        let stands = |(at, sk): &(Target, u64)| {
            let row = &rows[at.index];
            row.has(flag::LIVE)
                && row.sk == *sk
                && Target::of(at.index, row, row.group) == *at
                && at.is_in_list_of(target)
        };
        let mut at = queue.cursor.filter(stands).map(|(at, _)| at.index).or(tail);
        loop {
            let Some(here) = at else {
                queue.cursor = None;
                break;
            };
            let row = &rows[here];
            queue.cursor = Some((Target::of(here, row, target.group), row.sk));
            if row.entered <= target.entered {
                break;
            }
            if budget.is_spent() {
                return false;
            }
            budget.spend(1);
            at = row.prev;
        }
        true
    }

    /// Puts a row into the list at the position that [`Self::seek`] has found.
    fn relink(&mut self, core: &mut Core, target: &Target) {
        let index = target.index;
        core.unlink(index);
        let row = &mut core.rows[index];
        debug_assert!(
            row.group != target.group || row.entered != target.entered,
            "a move changes the group or the time"
        );
        row.entered = target.entered;
        row.set_group(target.group);
        let start = self.cursor.map(|(at, _)| at.index);
        let Core { rows, groups, listeners, .. } = core;
        groups.list_of(&rows[index]).insert(rows, index, start);
        let row = &rows[index];
        self.cursor = Some((*target, row.sk));
        if row.state == SocketState::Listen {
            listeners.add(index, row);
        }
    }
}
