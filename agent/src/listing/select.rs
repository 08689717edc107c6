//! Keeps the first rows in an order, in a bounded heap: memory grows with the limit only.

use std::collections::BinaryHeap;

use super::cursor::{Cursor, Place};
use super::order::{Order, Sort};
use crate::conn::RowView;

/// A row with its place.
#[derive(Debug)]
struct Candidate {
    place: Place,
    row: RowView,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// Keeps the first `limit` of the offered rows, from a place on.
#[derive(Debug)]
pub(crate) struct Select {
    sort: Sort,
    order: Order,
    limit: usize,
    /// The rows up to here are left out.
    after: Option<Place>,
    offered: u64,
    skipped: u64,
    /// The kept rows; the last in the order is on top.
    kept: BinaryHeap<Candidate>,
}

impl Select {
    /// Returns an empty selection.
    pub(crate) const fn new(sort: Sort, order: Order, limit: usize) -> Self {
        Self { sort, order, limit, after: None, offered: 0, skipped: 0, kept: BinaryHeap::new() }
    }

    /// Returns an empty selection of what comes behind a cursor, in the cursor's order.
    pub(crate) fn after(cursor: &Cursor, limit: usize) -> Self {
        let after = Some(cursor.place.clone());
        Self { after, ..Self::new(cursor.sort, cursor.order, limit) }
    }

    /// Offers one row.
    pub(crate) fn offer(&mut self, row: RowView) {
        self.offered += 1;
        let place = Place::of(&row, self.sort, self.order);
        if self.after.as_ref().is_some_and(|after| place <= *after) {
            self.skipped += 1;
            return;
        }
        let candidate = Candidate { place, row };
        if self.kept.len() < self.limit {
            self.kept.push(candidate);
        } else if let Some(mut last) = self.kept.peek_mut()
            && candidate < *last
        {
            *last = candidate;
        }
    }

    /// Returns how many rows were offered.
    pub(crate) const fn offered(&self) -> u64 {
        self.offered
    }

    /// Returns how many of the offered rows come before those that are kept.
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns how many rows are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Returns the kept rows in order, and the cursor behind the last.
    pub(crate) fn finish(self) -> (Vec<RowView>, Option<Cursor>) {
        let Self { sort, order, .. } = self;
        let kept = self.kept.into_sorted_vec();
        let place = kept.last().map(|last| last.place.clone());
        let rows = kept.into_iter().map(|candidate| candidate.row).collect();
        (rows, place.map(|place| Cursor { sort, order, place }))
    }
}
