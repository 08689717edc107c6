//! The rows, with all that is counted from them: how a row enters the table, changes its list, and
//! leaves.

use std::collections::HashSet;

use catalogue::labels::{Correction, SocketState};

use super::account::counters::Counters;
use super::account::groups::{Groups, scarce_from};
use super::account::services::Services;
use super::account::synacks::Ports;
use super::account::troubles::Troubles;
use super::account::unseen::Unseen;
use super::account::workloads::Workloads;
use super::ids::RowId;
use super::limits::Limits;
use super::readers::Readers;
use super::socket::attribution::Attribution;
use super::socket::moment::Tick;
use super::socket::row::{Row, flag};
use super::store::age_list::AgeThresholds;
use super::store::index::Index;
use super::store::listener_index::Listeners;
use super::store::slab::Slab;
use crate::clock;
use crate::internal_error::internal_error;

/// One row a live socket, and all that is counted from them.
pub(super) struct Core {
    pub(super) index: Index,
    pub(super) rows: Slab,
    pub(super) groups: Groups,
    pub(super) workloads: Workloads,
    pub(super) services: Services,
    pub(super) ports: Ports,
    pub(super) listeners: Listeners,
    pub(super) thresholds: AgeThresholds,
    pub(super) counters: Counters,
    pub(super) troubles: Troubles,
    pub(super) unseen: Unseen,
    /// Whether a first pass has ended; after that every socket should be known.
    pub(super) seeded: bool,
    /// The namespaces whose list the last pass read. A socket that is unknown there was missed.
    pub(super) known: HashSet<u32>,
    /// The processes that lock each socket that they list, but use none of them.
    pub(super) readers: Readers,
    /// The listeners, by socket, whose process forks a child for each connection.
    pub(super) forking: HashSet<u64>,
    pub(super) limits: Limits,
    /// From this number of rows on, not everybody may have one of the places that are left.
    pub(super) scarce_from: usize,
    /// The length of a jiffy.
    pub(super) tick: Tick,
}

impl Core {
    /// Creates an empty core.
    pub(super) fn new(limits: Limits) -> Self {
        let workloads = Workloads::new();
        Self {
            index: Index::new(),
            rows: Slab::new(limits.connections),
            services: Services::new(limits.services),
            groups: Groups::new(&limits, &workloads.unknown),
            workloads,
            ports: Ports::new(limits.ports),
            listeners: Listeners::default(),
            thresholds: AgeThresholds::default(),
            counters: Counters::new(),
            troubles: Troubles::default(),
            unseen: Unseen::default(),
            seeded: false,
            known: HashSet::new(),
            readers: Readers::default(),
            forking: HashSet::new(),
            scarce_from: scarce_from(limits.connections),
            limits,
            tick: Tick::new(clock::tick()),
        }
    }

    /// Returns whether every socket of a namespace should have a row, because a pass has read its
    /// list.
    pub(super) fn knows(&self, netns: u32) -> bool {
        self.seeded && self.known.contains(&netns)
    }

    /// Returns the row of a socket.
    #[inline]
    pub(super) fn find(&self, sk: u64) -> Option<RowId> {
        self.index.find(sk, &self.rows)
    }

    /// Puts a row into the table. The caller has checked that there is room.
    pub(super) fn store(&mut self, row: Row) -> Option<RowId> {
        let Some(index) = self.rows.insert(row) else {
            internal_error("a row is stored only where there is room");
            return None;
        };
        self.index.insert(row.sk, index, &self.rows);
        self.counters.unattributed += u64::from(row.attribution == Attribution::None);
        self.link(index);
        Some(index)
    }

    /// Takes the row of a socket out of the table.
    pub(super) fn extract(&mut self, sk: u64) -> Option<Row> {
        self.withdraw(sk).map(|index| self.release(index))
    }

    /// Takes the row of a socket out of the index.
    #[inline]
    pub(super) fn withdraw(&mut self, sk: u64) -> Option<RowId> {
        self.index.entry(sk, &self.rows).map(|entry| entry.remove().0)
    }

    /// Takes a row that has left the index out of its list and its slot.
    #[inline]
    pub(super) fn release(&mut self, index: RowId) -> Row {
        self.unlink(index);
        self.discard(index)
    }

    /// Takes a row that has left the index and its list out of its slot.
    #[inline]
    pub(super) fn discard(&mut self, index: RowId) -> Row {
        debug_assert!(
            self.find(self.rows[index].sk) != Some(index),
            "a row that leaves its slot is in the index no more"
        );
        let row = self.rows.remove(index);
        self.counters.attributed(row.attribution == Attribution::None);
        row
    }

    /// Puts a row into the list of its group and state. If its time is only a lower bound on its
    /// age, it takes the youngest row's time, which saves the walk.
    pub(super) fn link(&mut self, index: RowId) {
        let row = &self.rows[index];
        row.assert_rules();
        debug_assert!(self.find(row.sk) == Some(index), "a row in a list is found by its socket");
        let list = self.groups.list_of(row);
        let tail = list.tail();
        if row.has(flag::ENTERED_BEFORE)
            && let Some(youngest) = tail
        {
            self.rows[index].entered = row.entered.max(self.rows[youngest].entered);
        }
        list.insert(&mut self.rows, index, tail);
        let row = &self.rows[index];
        if row.state == SocketState::Listen {
            self.listeners.add(index, row);
        }
    }

    /// Takes a row out of the list of its group and state.
    pub(super) fn unlink(&mut self, index: RowId) {
        let row = &self.rows[index];
        if row.state == SocketState::Listen {
            self.listeners.remove(row.netns, row.local_port, index);
        }
        self.groups.list_of(row).remove(&mut self.rows, index);
    }

    /// Counts a correction.
    pub(super) fn correct(&mut self, kind: Correction) {
        self.counters.corrections[kind.index()] += 1;
    }
}
