//! The reconcile pass: the table held against the kernel's own socket list and descriptor tables.
//!
//! Driven by the ingest thread: `begin_pass`, then slices of the lists between which the rings are
//! drained and applied, then `finish_pass` (in `finish`). Each entry carries the time at which it
//! was read and all records up to then have been applied, so an entry is the truth unless the row
//! has heard of something later. The first pass seeds the table; a later one finds only what was
//! lost, and counts it.
//!
//! Sockets in TIME_WAIT and NEW_SYN_RECV are counted, by namespace. An orphan that the kernel keeps
//! as a full socket (FIN_WAIT2 with `tcp_fin_timeout` over 60 s, or acknowledged while the closing
//! task had it locked: `tcp_rcv_state_process`) has a row, but is counted with the small ones: what
//! `ss` shows as FIN-WAIT-2 is the gauge `fin_wait2` plus `fin_wait2_orphan`, and SYN-RECV is rows
//! in `syn_recv` plus `syn_recv` of the namespaces.

use agent_common::record::{Socket, flag as flag_of_entry};
use hashbrown::HashMap;

use super::fd_holders::Processes;
use crate::conn::collect::namespaces::Namespaces;
use crate::conn::collect::results::Gathered;
use crate::conn::collect::sums::Sums;
use crate::conn::core::Core;
use crate::conn::labels::{Correction, Role, SocketState};
use crate::conn::regroup::queue::Moves;
use crate::conn::socket::attribution::Owner;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::queues::Queues;
use crate::conn::socket::row::{MARGIN, flag};
use crate::conn::socket::succession::{can_reach, is_connected, note_first_fin};

/// The most closes to remember during a pass; beyond it the pass inserts nothing more.
const MAX_CLOSED: usize = 1 << 20;

/// A pass under way.
pub(crate) struct Pass {
    pub(crate) start: u64,
    /// Its number; see `rows::seen`.
    pub(crate) number: u8,
    /// Sockets that closed during the pass, and when.
    closed: HashMap<u64, u64>,
    /// Who holds sockets.
    pub(crate) processes: Processes,
    pub(crate) namespaces: Namespaces,
    pub(crate) gathered: Gathered,
    /// What its rows add up to.
    pub(crate) sums: Sums,
    pub(crate) corrections_before: [u64; Correction::COUNT],
}

impl Pass {
    /// Remembers that a socket closed, so that an older entry does not bring it back.
    pub(crate) fn closed(&mut self, sk: u64, time: u64) {
        if self.closed.len() < MAX_CLOSED {
            self.closed.insert(sk, time);
        }
    }

    /// Whether an entry may be of a socket that has closed since it was read.
    fn may_be_closed(&self, sk: u64, read: u64) -> bool {
        self.closed.len() >= MAX_CLOSED
            || self.closed.get(&sk).is_some_and(|time| time.saturating_add(MARGIN) >= read)
    }
}

impl Pass {
    /// Begins.
    pub(crate) fn new(core: &Core, number: u8, now: u64) -> Self {
        Self {
            start: now,
            number,
            closed: HashMap::new(),
            processes: Processes::default(),
            namespaces: Namespaces::like(&core.books.namespaces, core.limits.namespaces),
            gathered: Gathered::default(),
            sums: Sums::default(),
            corrections_before: core.books.corrections,
        }
    }

    /// Takes what a record did.
    pub(crate) fn note(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Stored(index) => self.processes.forget(index),
            Effect::Closed { sk, time } => self.closed(sk, time),
        }
    }

    /// Holds one entry of the socket list against the table.
    pub(crate) fn socket(&mut self, core: &mut Core, moves: &mut Moves, entry: &Socket) {
        self.gathered.entry(core, entry);
        core.reader = entry.reader;
        if self.namespaces.count(entry) {
            return;
        }
        let Some(state) = SocketState::from_code(entry.state) else { return };
        let Some(index) = core.find(entry.ends.sk) else {
            self.seed(core, entry, state);
            return;
        };
        let row = &mut core.rows[index];
        let newer =
            row.entered.saturating_add(MARGIN) > entry.time && !row.has(flag::ENTERED_BEFORE);
        let same = row.has_ends(&entry.ends);
        if newer || (same && row.state == state) {
            self.confirm(core, moves, index, entry);
        } else if same && can_reach(row.state, state) {
            self.set_right(core, index, entry, state);
        } else {
            core.bury(entry.ends.sk);
            self.seed(core, entry, state);
        }
    }

    /// Makes a row for an entry that has none.
    fn seed(&mut self, core: &mut Core, entry: &Socket, state: SocketState) {
        if self.may_be_closed(entry.ends.sk, entry.time) {
            return;
        }
        if core.rows.len() >= core.rows.limit() {
            // Later passes meet the same sockets again; they were counted at birth or while
            // seeding.
            core.books.refused += u64::from(!core.seeded);
            return;
        }
        if core.knows(entry.ends.netns) {
            core.correct(Correction::MissedOpen);
        }
        let role = match state {
            SocketState::SynSent => Role::Client,
            SocketState::Listen => Role::Server,
            _ => Role::Unknown,
        };
        let mut row = Core::stranger(&entry.ends, state, role, entry.time);
        row.flags |= flag::BORN_BEFORE | flag::ENTERED_BEFORE;
        row.take_flags(entry.flags);
        row.queues = Queues::listed(entry);
        row.seen = self.number;
        note_first_fin(&mut row);
        if role == Role::Unknown {
            core.inherit(&mut row);
        }
        if is_connected(state) {
            core.connect(&mut row, false, entry.time);
        }
        if let Some(index) = core.store(row) {
            self.processes.forget(index);
        }
    }

    /// Marks a row as seen, and takes what only the list knows.
    fn confirm(&self, core: &mut Core, moves: &mut Moves, index: u32, entry: &Socket) {
        // Where the row has gone on since the entry was read, or is another socket's by now, the
        // entry tells nothing of it but that its address is in use.
        if core.rows[index].is_as_listed(entry) {
            Self::take_entry(core, index, entry);
        }
        core.rows[index].seen = self.number;
        let mut row = core.rows[index];
        if !(row.role == Role::Unknown
            || row.waits()
            || (row.role == Role::Server && row.owner == Owner::None))
        {
            return;
        }
        let (owner, group) = (row.owner, row.group);
        core.inherit(&mut row);
        let target = std::mem::replace(&mut row.group, group);
        core.books.unattributed -= u64::from(owner == Owner::None && row.owner != Owner::None);
        core.rows[index] = row;
        if target != group {
            moves.plan_move(core, index, target);
        }
    }

    /// Takes what an entry tells of a row that has not changed since.
    fn take_entry(core: &mut Core, index: u32, entry: &Socket) {
        let row = &core.rows[index];
        let is_left =
            row.state == SocketState::FinWait2 && entry.flags & flag_of_entry::ORPHAN != 0;
        if is_left != row.is_left() || (row.local_port == 0 && entry.ends.local_port != 0) {
            core.unlink(index);
            let row = &mut core.rows[index];
            row.take_flags(entry.flags);
            if row.local_port == 0 {
                // The kernel chooses a port after it has told the state: SYN_SENT
                // (`tcp_v4_connect`, 6.18), and LISTEN of a socket that was not
                // bound (`inet_csk_listen_start`, 6.18).
                row.take_ends(&entry.ends);
            }
            core.link(index);
        }
        let Core { rows, groups, .. } = core;
        let row = &mut rows[index];
        row.take_flags(entry.flags);
        if row.local_port == 0 {
            row.take_ends(&entry.ends);
        }
        if row.state == SocketState::CloseWait {
            groups.list_of(row).restage(row, |row| row.queues = Queues::listed(entry));
        } else {
            row.queues = Queues::listed(entry);
        }
    }

    /// Puts a row into the state that the list says; since when is not known.
    fn set_right(&self, core: &mut Core, index: u32, entry: &Socket, state: SocketState) {
        core.correct(Correction::WrongState);
        core.unlink(index);
        let mut row = core.rows[index];
        row.take_ends(&entry.ends);
        row.state = state;
        row.entered = entry.time;
        row.queues = Queues::listed(entry);
        row.flags |= flag::ENTERED_BEFORE;
        row.seen = self.number;
        row.take_flags(entry.flags);
        note_first_fin(&mut row);
        if is_connected(state) && !row.has(flag::CONNECTED) {
            core.connect(&mut row, false, entry.time);
        }
        core.rows[index] = row;
        core.link(index);
    }
}
