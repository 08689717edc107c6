//! The rows of one group in one state, ordered by the time they entered it: a doubly linked list
//! through the rows themselves.
//!
//! Used by the groups. Guarantees: the oldest row is the head. How many rows are older than each of
//! [`STUCK_AGES`] is known without a walk: for each threshold a cursor remembers the first younger
//! row and moves forward with time, over each row once. Appending is O(1) for rows that come in
//! order; a row that comes late walks back from the tail past the younger ones.

use catalogue::labels::{SocketState, Stage};
use catalogue::limits::STUCK_AGES;

use super::slab::Slab;
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::StateGauge;
use crate::conn::socket::row::Row;

const AGES: usize = STUCK_AGES.len();
/// One cursor for each age, and one for the rows that entered after the descriptor tables were last
/// read.
const CURSORS: usize = AGES + 1;
const WALK: usize = AGES;

/// For each cursor, the moment before which a row must have entered its state to be passed. It
/// never goes back. The lists are brought up to it one by one, and each knows how far it has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AgeThresholds([Nanos; CURSORS]);

impl AgeThresholds {
    /// Returns the moments of the ages.
    #[cfg(test)]
    pub(crate) fn ages(&self) -> [Nanos; AGES] {
        std::array::from_fn(|age| self.0[age])
    }

    /// Returns the moment from which the descriptor tables were last read.
    #[cfg(test)]
    pub(crate) const fn walked(&self) -> Nanos {
        self.0[WALK]
    }

    /// Notes that the descriptor tables were read from `moment` on.
    pub(crate) fn mark_read(&mut self, moment: Nanos) {
        self.0[WALK] = self.0[WALK].max(moment);
    }

    /// Moves the ages on to `now`.
    pub(crate) fn advance(&mut self, now: Nanos) {
        for (threshold, age) in self.0.iter_mut().zip(STUCK_AGES) {
            let passed = now.saturating_add(Nanos::new(1)).saturating_sub(Nanos::from_secs(age));
            *threshold = passed.max(*threshold);
        }
    }
}

/// A list of rows, ordered by the time they entered their state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgeList {
    head: Option<RowId>,
    tail: Option<RowId>,
    count: u32,
    /// Whether ages are counted in this list.
    aged: bool,
    /// The thresholds up to which its cursors have been brought.
    thresholds: [Nanos; CURSORS],
    /// The first row that is not older than each threshold; `None` if all rows are older.
    cursors: [Option<RowId>; CURSORS],
    /// How many rows are before each cursor.
    older: [u32; CURSORS],
    /// How many rows in CLOSE_WAIT are in each stage.
    stages: [u32; Stage::COUNT],
}

impl AgeList {
    /// Creates an empty list; `aged` if it has to know how many rows are older than the ages.
    pub(crate) const fn new(aged: bool) -> Self {
        Self {
            head: None,
            tail: None,
            count: 0,
            aged,
            thresholds: [Nanos::ZERO; CURSORS],
            cursors: [None; CURSORS],
            older: [0; CURSORS],
            stages: [0; Stage::COUNT],
        }
    }

    /// Returns the youngest row; `None` if the list is empty.
    pub(crate) const fn tail(&self) -> Option<RowId> {
        self.tail
    }

    /// Inserts a row where its time belongs, after those of the same time. Walks back from `start`,
    /// which is the tail or a row that is not older.
    pub(crate) fn insert(&mut self, rows: &mut Slab, index: RowId, start: Option<RowId>) {
        let entered = rows[index].entered;
        let mut prev = start;
        while let Some(younger) = prev
            && rows[younger].entered > entered
        {
            prev = rows[younger].prev;
        }
        let next = prev.map_or(self.head, |prev| rows[prev].next);
        debug_assert!(
            next.is_none_or(|next| rows[next].entered >= entered),
            "a list is in order of time"
        );
        rows[index].prev = prev;
        rows[index].next = next;
        match prev {
            None => self.head = Some(index),
            Some(prev) => rows[prev].next = Some(index),
        }
        match next {
            None => self.tail = Some(index),
            Some(next) => rows[next].prev = Some(index),
        }
        self.count += 1;
        if let Some(stage) = self.stage(&rows[index]) {
            *stage += 1;
        }
        if !self.aged {
            return;
        }
        for age in 0..CURSORS {
            if entered < self.thresholds[age] {
                self.older[age] += 1;
            } else if self.cursors[age] == next {
                self.cursors[age] = Some(index);
            }
        }
    }

    /// Removes a row from the list.
    #[inline]
    pub(crate) fn remove(&mut self, rows: &mut Slab, index: RowId) {
        let (entered, prev, next) = (rows[index].entered, rows[index].prev, rows[index].next);
        match prev {
            None => self.head = next,
            Some(prev) => rows[prev].next = next,
        }
        match next {
            None => self.tail = prev,
            Some(next) => rows[next].prev = prev,
        }
        debug_assert!(self.count > 0, "a list counts its rows");
        self.count -= 1;
        debug_assert!(
            (self.count == 0) == (self.head.is_none() && self.tail.is_none()),
            "a list without rows has no ends"
        );
        if let Some(stage) = self.stage(&rows[index]) {
            *stage -= 1;
        }
        if !self.aged {
            return;
        }
        for age in 0..CURSORS {
            if entered < self.thresholds[age] {
                self.older[age] -= 1;
            } else if self.cursors[age] == Some(index) {
                self.cursors[age] = next;
            }
        }
    }

    /// Follows a row of this list whose stage changes by `change`.
    #[inline]
    pub(crate) fn restage<T>(&mut self, row: &mut Row, change: impl FnOnce(&mut Row) -> T) -> T {
        if let Some(stage) = self.stage(row) {
            *stage -= 1;
        }
        let changed = change(row);
        if let Some(stage) = self.stage(row) {
            *stage += 1;
        }
        changed
    }

    /// Returns the rows by stage, in the order of `Stage::ALL`; zero for any state but CLOSE_WAIT.
    pub(crate) fn stages(&self) -> [u64; Stage::COUNT] {
        self.stages.map(u64::from)
    }

    fn stage(&mut self, row: &Row) -> Option<&mut u32> {
        if row.state == SocketState::CloseWait {
            self.stages.get_mut(row.queues.stage().index())
        } else {
            None
        }
    }

    /// Brings the cursors up to thresholds that have moved on, past as many rows as `budget` has,
    /// and takes those from it. Rows of one time are passed together, because the list could not
    /// tell which of them have been passed.
    pub(crate) fn advance(&mut self, rows: &Slab, thresholds: &AgeThresholds, budget: &mut Budget) {
        if !self.aged {
            return;
        }
        for (age, until) in thresholds.0.iter().enumerate() {
            let (mut at, mut last) = (self.cursors[age], None);
            loop {
                let Some((row, entered)) =
                    at.map(|at| (at, rows[at].entered)).filter(|(_, entered)| entered < until)
                else {
                    debug_assert!(self.thresholds[age] <= *until, "a threshold never goes back");
                    self.thresholds[age] = *until;
                    break;
                };
                if budget.is_spent() && last != Some(entered) {
                    debug_assert!(self.thresholds[age] <= entered, "a threshold never goes back");
                    self.thresholds[age] = entered;
                    break;
                }
                budget.spend(1);
                self.older[age] += 1;
                (at, last) = (rows[row].next, Some(entered));
            }
            self.cursors[age] = at;
        }
    }

    /// Returns what the gauges show of the list.
    pub(crate) fn gauge(&self, rows: &Slab) -> StateGauge {
        StateGauge {
            count: u64::from(self.count),
            oldest_since: self.head.map(|oldest| rows[oldest].entered.get()),
            older_than: std::array::from_fn(|age| u64::from(self.older[age])),
        }
    }

    /// Returns when the oldest row entered that came after the descriptor tables were last read;
    /// `None` if the list counts no ages.
    pub(crate) fn unverified_since(&self, rows: &Slab) -> Option<Nanos> {
        let first = self.cursors[WALK];
        first.filter(|_| self.aged).map(|row| rows[row].entered)
    }

    /// Returns whether it has no row.
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns how many rows there are.
    pub(crate) const fn len(&self) -> u32 {
        self.count
    }

    /// Returns how many rows are older than the first of the ages, up to the thresholds that the
    /// list has been brought to.
    pub(crate) const fn older(&self) -> u32 {
        self.older[0]
    }

    /// Returns the rows from the oldest to the youngest.
    pub(crate) fn indices<'a>(&self, rows: &'a Slab) -> impl Iterator<Item = RowId> + use<'a> {
        std::iter::successors(self.head, |at| rows[*at].next)
    }
}
