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

use super::finish::Finish;
use super::holders::Processes;
use super::labels::{Correction, Role, SocketState};
use super::namespaces::Namespaces;
use super::owner::Owner;
use super::pressure::Gathered;
use super::queues::Queues;
use super::rows::{MARGIN, flag, seen};
use super::succession::{can_reach, is_connected, note_first_fin};
use super::sums::Sums;
use super::table::Table;

/// The most closes to remember during a pass; beyond it the pass inserts nothing more.
const MAX_CLOSED: usize = 1 << 20;

/// A pass under way.
pub(super) struct Pass {
    pub(super) start: u64,
    /// Sockets that closed during the pass, and when.
    closed: HashMap<u64, u64>,
    /// Who holds sockets.
    pub(super) processes: Processes,
    pub(super) namespaces: Namespaces,
    pub(super) gathered: Gathered,
    /// What its rows add up to.
    pub(super) sums: Sums,
    /// How far its end has come; none while lists are read.
    pub(super) finish: Option<Finish>,
    pub(super) corrections_before: [u64; Correction::COUNT],
}

impl Pass {
    /// Remembers that a socket closed, so that an older entry does not bring it back.
    pub(super) fn closed(&mut self, sk: u64, time: u64) {
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

impl Table {
    /// Begins a pass; one that was under way is given up.
    pub fn begin_pass(&mut self, now: u64) {
        self.abort_pass();
        self.generation = seen::after(self.generation);
        self.pass = Some(Pass {
            start: now,
            closed: HashMap::new(),
            processes: Processes::default(),
            namespaces: Namespaces::like(&self.books.namespaces, self.limits.namespaces),
            gathered: Gathered::default(),
            sums: Sums::default(),
            finish: None,
            corrections_before: self.books.corrections,
        });
    }

    /// Holds one entry of the socket list against the table.
    pub fn pass_socket(&mut self, entry: &Socket) {
        self.gather(entry);
        let Some(pass) = &mut self.pass else { return };
        self.reader = entry.reader;
        if pass.namespaces.count(entry) {
            return;
        }
        let Some(state) = SocketState::from_code(entry.state) else { return };
        let Some(index) = self.find(entry.ends.sk) else {
            self.seed(entry, state);
            return;
        };
        let row = &mut self.rows[index];
        let newer =
            row.entered.saturating_add(MARGIN) > entry.time && !row.has(flag::ENTERED_BEFORE);
        let same = row.has_ends(&entry.ends);
        if newer || (same && row.state == state) {
            self.confirm(index, entry);
        } else if same && can_reach(row.state, state) {
            self.set_right(index, entry, state);
        } else {
            self.bury(entry.ends.sk);
            self.seed(entry, state);
        }
    }

    /// Gives a pass up. What it corrected stays; nothing is removed or published.
    pub fn abort_pass(&mut self) {
        self.apply_moves();
        self.pass = None;
    }

    /// Makes a row for an entry that has none.
    fn seed(&mut self, entry: &Socket, state: SocketState) {
        let gone = |pass: &Pass| pass.may_be_closed(entry.ends.sk, entry.time);
        if self.pass.as_ref().is_none_or(gone) {
            return;
        }
        if self.rows.len() >= self.rows.limit() {
            // Later passes meet the same sockets again; they were counted at birth or while
            // seeding.
            self.books.refused += u64::from(!self.seeded);
            return;
        }
        if self.knows(entry.ends.netns) {
            self.correct(Correction::MissedOpen);
        }
        let role = match state {
            SocketState::SynSent => Role::Client,
            SocketState::Listen => Role::Server,
            _ => Role::Unknown,
        };
        let mut row = Self::stranger(&entry.ends, state, role, entry.time);
        row.flags |= flag::BORN_BEFORE | flag::ENTERED_BEFORE;
        row.take_flags(entry.flags);
        row.queues = Queues::listed(entry);
        row.seen = self.generation;
        note_first_fin(&mut row);
        if role == Role::Unknown {
            self.inherit(&mut row);
        }
        if is_connected(state) {
            self.connect(&mut row, false, entry.time);
        }
        self.store(row);
    }

    /// Marks a row as seen, and takes what only the list knows.
    fn confirm(&mut self, index: u32, entry: &Socket) {
        // Where the row has gone on since the entry was read, or is another socket's by now, the
        // entry tells nothing of it but that its address is in use.
        if self.rows[index].is_as_listed(entry) {
            self.take_entry(index, entry);
        }
        self.rows[index].seen = self.generation;
        let mut row = self.rows[index];
        if !(row.role == Role::Unknown
            || row.waits()
            || (row.role == Role::Server && row.owner == Owner::None))
        {
            return;
        }
        let (owner, group) = (row.owner, row.group);
        self.inherit(&mut row);
        let target = std::mem::replace(&mut row.group, group);
        self.books.unattributed -= u64::from(owner == Owner::None && row.owner != Owner::None);
        self.rows[index] = row;
        if target != group {
            self.plan_move(index, target);
        }
    }

    /// Takes what an entry tells of a row that has not changed since.
    fn take_entry(&mut self, index: u32, entry: &Socket) {
        let row = &self.rows[index];
        let is_left =
            row.state == SocketState::FinWait2 && entry.flags & flag_of_entry::ORPHAN != 0;
        if is_left != row.is_left() || (row.local_port == 0 && entry.ends.local_port != 0) {
            self.unlink(index);
            let row = &mut self.rows[index];
            row.take_flags(entry.flags);
            if row.local_port == 0 {
                // The kernel chooses a port after it has told the state: SYN_SENT
                // (`tcp_v4_connect`, 6.18), and LISTEN of a socket that was not
                // bound (`inet_csk_listen_start`, 6.18).
                row.take_ends(&entry.ends);
            }
            self.link(index);
        }
        let Self { rows, groups, .. } = self;
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
    fn set_right(&mut self, index: u32, entry: &Socket, state: SocketState) {
        self.correct(Correction::WrongState);
        self.unlink(index);
        let mut row = self.rows[index];
        row.take_ends(&entry.ends);
        row.state = state;
        row.entered = entry.time;
        row.queues = Queues::listed(entry);
        row.flags |= flag::ENTERED_BEFORE;
        row.seen = self.generation;
        row.take_flags(entry.flags);
        note_first_fin(&mut row);
        if is_connected(state) && !row.has(flag::CONNECTED) {
            self.connect(&mut row, false, entry.time);
        }
        self.rows[index] = row;
        self.link(index);
    }
}
