//! Keeps the first rows in an order, in a bounded heap: memory grows with the limit only.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::order::{Order, Sort};
use crate::conn::RowView;

/// A sort key. One query compares keys of one variant only.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(u64),
    Text(Arc<str>),
    Name(&'static str),
    End(Ipv6Addr, u16),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Ascending(Value),
    Descending(Reverse<Value>),
}

/// A row with its rank. Equal keys are ordered by the time in the state, then by socket, so that
/// the same table gives the same answer.
#[derive(Debug)]
struct Candidate {
    key: (Rank, u64, u64),
    row: RowView,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
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
        self.key.cmp(&other.key)
    }
}

/// Keeps the first `limit` of the offered rows.
#[derive(Debug)]
pub(crate) struct Select {
    sort: Sort,
    order: Order,
    limit: usize,
    offered: u64,
    /// The kept rows; the last in the order is on top.
    kept: BinaryHeap<Candidate>,
}

impl Select {
    /// Returns an empty selection.
    pub(crate) const fn new(sort: Sort, order: Order, limit: usize) -> Self {
        Self { sort, order, limit, offered: 0, kept: BinaryHeap::new() }
    }

    /// Offers one row.
    pub(crate) fn offer(&mut self, row: RowView) {
        self.offered += 1;
        let value = value(self.sort, &row);
        let rank = match self.order {
            Order::Ascending => Rank::Ascending(value),
            Order::Descending => Rank::Descending(Reverse(value)),
        };
        let candidate = Candidate { key: (rank, row.entered, row.sk), row };
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

    /// Returns how many rows are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Returns the kept rows in order.
    pub(crate) fn finish(self) -> Vec<RowView> {
        self.kept.into_sorted_vec().into_iter().map(|candidate| candidate.row).collect()
    }
}

/// Returns the sort key of a row. An age is the inverted start time: the oldest row has the largest
/// key.
fn value(sort: Sort, row: &RowView) -> Value {
    match sort {
        Sort::Age => Value::Number(u64::MAX - row.entered),
        Sort::ConnectionAge => Value::Number(u64::MAX - row.born),
        Sort::Process => Value::Text(Arc::clone(&row.process)),
        Sort::Pid => Value::Number(row.tgid.into()),
        Sort::State => Value::Name(row.state.as_str()),
        Sort::Port => Value::Number(row.service_port.into()),
        Sort::Retransmitted => Value::Number(row.retransmitted.into()),
        Sort::Local => Value::End(row.local_address, row.local_port),
        Sort::Peer => Value::End(row.peer_address, row.peer_port),
    }
}
