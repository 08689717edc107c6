//! The sums over the rows of a pass: what waits in the sockets of each group, how many sockets each
//! process owns, who listens.
//!
//! Used by the commit of a pass, row by row, while records come between. The sums are shown once
//! the last row is added.

use std::cmp::Reverse;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::IDLE_AGES;
use hashbrown::HashMap;

use crate::conn::account::destinations::{Destinations, IdleTo};
use crate::conn::ids::{GroupId, RowId};
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::Queued;
use crate::conn::socket::activity::Activity;
use crate::conn::socket::row::{Row, flag};
use crate::conn::store::slab::Slab;

/// The sums over the rows so far.
#[derive(Default)]
pub(crate) struct Sums {
    /// What waits, by group.
    queued: Vec<Queued>,
    /// Idle connections to named destinations, by group and destination.
    idle_to: IdleTo,
    /// The most pairs of the two.
    idle_to_limit: usize,
    /// How many idle connections found no pair, and count for their group only.
    pub(crate) idle_folded: u64,
    /// The group of one of a process's sockets and how many sockets it owns, by process id.
    owned: HashMap<u32, (GroupId, u64)>,
    /// The same of the process that owned the last row, whose rows often follow each other.
    last: Option<(u32, GroupId, u64)>,
    /// The listeners: row and socket. The socket tells whether another one has the row by now.
    listening: Vec<(RowId, u64)>,
    /// Connections that were not accepted, by group and port.
    unaccepted: HashMap<(GroupId, u16), Unaccepted>,
}

/// Connections that were not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unaccepted {
    pub(crate) count: u64,
    /// When the handshake of the oldest was over.
    pub(crate) oldest: Nanos,
}

impl Unaccepted {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest = self.oldest.min(other.oldest);
    }
}

impl Sums {
    /// Creates sums of nothing, with room for `limit` pairs of a group and a named destination.
    pub(crate) fn new(limit: usize) -> Self {
        Self { idle_to_limit: limit, ..Self::default() }
    }

    /// Adds a row and what its connection has done, as of `now`; `seen` says whether this pass has
    /// met it.
    #[inline]
    pub(crate) fn add(
        &mut self,
        index: RowId,
        row: &Row,
        activity: &Activity,
        seen: bool,
        (now, named): (Nanos, &Destinations),
    ) {
        if row.state == SocketState::Listen {
            self.listening.push((index, row.sk));
        } else if seen {
            let group = row.group.position();
            if group >= self.queued.len() {
                self.queued.resize(group + 1, Queued::default());
            }
            let idle = idle(row, activity, now);
            self.queued[group].add(row, activity, idle, now);
            if let (1.., Some(to)) = (idle[0], named.of(row)) {
                self.add_idle_to((row.group, to), idle);
            }
            if row.role == Role::Server && row.is_unaccepted() {
                let one = Unaccepted { count: 1, oldest: row.opened().unwrap_or(row.born) };
                let all = self.unaccepted.entry((row.group, row.local_port));
                all.and_modify(|all| all.add(one)).or_insert(one);
            }
        }
        if row.tgid != 0 && !row.has(flag::ORPHAN) {
            match &mut self.last {
                Some((tgid, _, sockets)) if *tgid == row.tgid => *sockets += 1,
                _ => {
                    self.store_last();
                    self.last = Some((row.tgid, row.group, 1));
                }
            }
        }
    }

    /// Adds idle connections to a named destination, if there is room for the pair.
    fn add_idle_to(&mut self, pair: (GroupId, u8), idle: Idle) {
        let is_full = self.idle_to.len() >= self.idle_to_limit;
        if is_full && !self.idle_to.contains_key(&pair) {
            self.idle_folded += idle[0];
            return;
        }
        let all = self.idle_to.entry(pair).or_default();
        all.iter_mut().zip(idle).for_each(|(all, idle)| *all += idle);
    }

    /// Adds what the last process owned to the other processes.
    fn store_last(&mut self) {
        if let Some((tgid, group, sockets)) = self.last.take() {
            self.owned.entry(tgid).or_insert((group, 0)).1 += sockets;
        }
    }

    /// Follows the removal of a group. `successor`, of the same role, takes its rows if it had any.
    pub(crate) fn fold_into(&mut self, group: GroupId, successor: GroupId) {
        let gone = self.queued.get_mut(group.position()).map(std::mem::take);
        if let Some(gone) = gone.filter(|gone| *gone != Queued::default()) {
            let least = successor.position() + 1;
            self.queued.resize(self.queued.len().max(least), Queued::default());
            self.queued[successor.position()].merge(gone);
        }
        let gone: Vec<_> = self.idle_to.extract_if(|(of, _), _| *of == group).collect();
        for ((_, to), idle) in gone {
            self.add_idle_to((successor, to), idle);
        }
        self.store_last();
        self.owned.values_mut().filter(|(of, _)| *of == group).for_each(|(of, _)| *of = successor);
        let gone: Vec<_> = self.unaccepted.extract_if(|(of, _), _| *of == group).collect();
        for ((_, port), one) in gone {
            let all = self.unaccepted.entry((successor, port));
            all.and_modify(|all| all.add(one)).or_insert(one);
        }
    }

    /// Returns what waits, by group.
    pub(crate) fn queued(&self) -> &[Queued] {
        &self.queued
    }

    /// Returns the idle connections to named destinations, by group and destination.
    pub(crate) const fn idle_to(&self) -> &IdleTo {
        &self.idle_to
    }

    /// Connections that were not accepted, by group and port.
    pub(crate) const fn unaccepted(&self) -> &HashMap<(GroupId, u16), Unaccepted> {
        &self.unaccepted
    }

    /// Returns the listeners whose rows are still theirs.
    pub(crate) fn listening<'a>(&'a self, rows: &'a Slab) -> impl Iterator<Item = &'a Row> {
        let there = |(index, sk): &(RowId, u64)| {
            let row = &rows[*index];
            (row.has(flag::LIVE) && row.sk == *sk && row.state == SocketState::Listen)
                .then_some(row)
        };
        self.listening.iter().filter_map(there)
    }

    /// Returns the processes with the most sockets, at most `most`: process id, group, sockets.
    pub(crate) fn owners(mut self, most: usize) -> Vec<(u32, GroupId, u64)> {
        self.store_last();
        let mut all: Vec<_> =
            self.owned.into_iter().map(|(tgid, (group, sockets))| (tgid, group, sockets)).collect();
        let order = |(tgid, _, sockets): &(u32, GroupId, u64)| (Reverse(*sockets), *tgid);
        if all.len() > most {
            all.select_nth_unstable_by_key(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by_key(order);
        all
    }
}

/// Connections that are idle for longer than each of [`IDLE_AGES`].
type Idle = [u64; IDLE_AGES.len()];

/// Returns 1 for each of these ages for which a connection has carried no data at `now`.
#[inline]
fn idle(row: &Row, activity: &Activity, now: Nanos) -> Idle {
    let (SocketState::Established, Some(used)) = (row.state, activity.used()) else {
        return Idle::default();
    };
    let idle = now.saturating_sub(used);
    IDLE_AGES.map(|than| u64::from(idle > Nanos::from_secs(than)))
}

impl Queued {
    /// Adds one row and what its connection has done, as of `now`.
    fn add(&mut self, row: &Row, activity: &Activity, idle: Idle, now: Nanos) {
        let in_use = matches!(row.state, SocketState::Established | SocketState::CloseWait);
        self.unacknowledged += u64::from(in_use && activity.is_unacknowledged(now));
        self.idle.iter_mut().zip(idle).for_each(|(all, idle)| *all += idle);
        self.receive_bytes += u64::from(row.queues.unread_bytes(row.state));
        self.send_bytes += u64::from(row.queues.unsent_bytes(row.state));
        self.zero_window += u64::from(row.queues.is_held_back(row.state));
    }
}
