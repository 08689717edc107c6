//! How rows change groups while they stay in their state, which only a pass and the name of a
//! workload make them do.
//!
//! Used by the pass and by `migration`. Each list is in order of time while the holders come in
//! order of processes, so the moves are gathered, sorted, and made with one walk a list and batch
//! instead of one walk a row. Guarantees: records may come between any two slices; a row is in
//! exactly one list at every moment.

use catalogue::labels::SocketState;

use crate::conn::core::Core;
use crate::conn::ids::{GroupId, RowId};
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::row::{Row, flag};

/// How many moves are sorted at once: a millisecond or two.
pub(crate) const RUN: usize = 1 << 14;
/// How many such runs are made in one walk through each list: walks cost most where rows are in no
/// order of time.
const RUNS: usize = 4;

/// A row and the group that it belongs to.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// The row's socket and its birth, in case the row, or the socket's address, is used again
    /// before the move.
    sk: u64,
    born: Nanos,
    index: RowId,
    group: GroupId,
    /// The group that it leaves, where only a row that is still there is meant; else `None`, and
    /// an owner that has shown itself since is kept.
    from: Option<GroupId>,
}

/// A list, and a row's time in it: where a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    group: GroupId,
    state: SocketState,
    left: bool,
    entered: Nanos,
    index: RowId,
}

impl Target {
    fn of(index: RowId, row: &Row, group: GroupId) -> Self {
        Self { group, state: row.state, left: row.is_left(), entered: row.entered, index }
    }

    /// By list, then by time: one number, which is compared at once.
    #[inline]
    fn order(&self) -> u128 {
        let list = u128::from(self.group.get()) << 16
            | (self.state.index() as u128) << 8
            | u128::from(self.left);
        list << 96 | u128::from(self.entered.get()) << 32 | u128::from(self.index.get())
    }

    fn is_in_list_of(&self, other: &Self) -> bool {
        (self.group, self.state, self.left) == (other.group, other.state, other.left)
    }
}

/// What is to be moved, and how far that has come.
#[derive(Debug, Default)]
pub(crate) struct RegroupQueue {
    planned: Vec<Move>,
    /// A batch in sorted runs, in each the row that goes first last: by list, and there from the
    /// youngest to the oldest.
    runs: Vec<Vec<(Target, Move)>>,
    /// Whether the batch is complete and its walk has begun.
    walking: bool,
    /// Where the walk through the list of the last move stands, with the socket of the row there.
    cursor: Option<(Target, u64)>,
}

/// Proof that no move is planned. A planned move names its group by number: while one is planned,
/// no group may end and no pass begin.
pub(crate) struct Drained<'a>(&'a mut RegroupQueue);

impl Drained<'_> {
    /// Plans that `rows` move to a group, and ends the proof.
    pub(super) fn enqueue_all(self, core: &Core, rows: &[RowId], group: GroupId) {
        for index in rows {
            self.0.enqueue_if_unmoved(core, *index, group);
        }
    }
}

impl RegroupQueue {
    /// Whether enough has gathered to be worth a walk, or such a walk has begun.
    pub(crate) fn is_due(&self) -> bool {
        !self.runs.is_empty() || self.planned.len() >= RUNS * RUN
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.planned.is_empty()
    }

    /// The next move of the batch, and the run that it is from; none at the batch's end.
    fn pop(&mut self) -> Option<(usize, Target, Move)> {
        let first = |run: &usize| self.runs[*run].last().map(|(target, _)| target.order());
        let run = (0..self.runs.len()).max_by_key(first)?;
        let (target, planned) = self.runs[run].pop()?;
        Some((run, target, planned))
    }
}

impl RegroupQueue {
    /// Remembers that a row belongs to another group. Who makes many of them has them made now and
    /// then.
    pub(crate) fn enqueue(&mut self, core: &mut Core, index: RowId, group: GroupId) {
        self.plan(core, index, group, None);
        if self.planned.len() >= 2 * RUNS * RUN {
            self.drain(core);
        }
    }

    /// The same, however the owner is known; but a row that leaves its group by itself before goes
    /// where it went.
    pub(crate) fn enqueue_if_unmoved(&mut self, core: &Core, index: RowId, group: GroupId) {
        self.plan(core, index, group, Some(core.rows[index].group));
    }

    fn plan(&mut self, core: &Core, index: RowId, group: GroupId, from: Option<GroupId>) {
        let row = &core.rows[index];
        self.planned.push(Move { sk: row.sk, born: row.born, index, group, from });
    }

    /// Makes all planned moves.
    pub(crate) fn drain(&mut self, core: &mut Core) {
        while !self.is_empty() {
            self.step(core, &mut Budget::UNLIMITED.clone());
        }
    }

    /// Returns the proof that no move is planned; `None` where one is.
    pub(crate) fn drained(&mut self) -> Option<Drained<'_>> {
        self.is_empty().then_some(Drained(self))
    }

    /// Makes planned moves, a batch at the most, and takes what rows it looked at from `budget`. A
    /// row that was freed or used again since is left alone; one whose owner has shown itself
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
                // Where this batch ends there may be rows that are younger than those of the next.
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
                run.push((target, Move { group: target.group, ..planned }));
            }
        }
        self.planned = planned;
        budget.spend(run.len());
        // The last is taken first.
        run.sort_unstable_by_key(|(target, _)| target.order());
        self.runs.push(run);
    }

    /// Where a row belongs now; none where it is not there any more, or belongs where it is.
    fn target_of(core: &mut Core, planned: &Move) -> Option<Target> {
        let row = &core.rows[planned.index];
        if !row.has(flag::LIVE) || row.sk != planned.sk || row.born != planned.born {
            return None;
        }
        let group = if planned.from.is_none() {
            // Where its role is another by now, and nothing more, the plan was made for that.
            let stays = row.attribution == Attribution::FromSyscall
                && core.groups.role(row.group) == row.role;
            core.groups.in_role(if stays { row.group } else { planned.group }, row.role)
        } else if planned.from == Some(row.group) {
            planned.group
        } else {
            return None;
        };
        let row = &core.rows[planned.index];
        (group != row.group).then(|| Target::of(planned.index, row, group))
    }

    /// Walks back to the row after which another belongs; false where the budget ends before that.
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

    /// Puts a row into the list in which [`Self::seek`] has found its position.
    fn relink(&mut self, core: &mut Core, target: &Target) {
        let index = target.index;
        debug_assert!(core.rows[index].group != target.group, "a move changes the group");
        core.unlink(index);
        core.rows[index].set_group(target.group);
        let start = self.cursor.map(|(at, _)| at.index);
        let Core { rows, groups, listeners, .. } = core;
        groups.list_of(&rows[index]).insert(rows, index, start);
        let row = &rows[index];
        self.cursor = Some((*target, row.sk));
        if row.state == SocketState::Listen {
            listeners.add(row.netns, row.local_port, row.local, index);
        }
    }
}
