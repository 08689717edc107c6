//! What the table shows: the counts for the metrics, copied out in one go, and the rows themselves
//! for a listing, in slices, so that nobody holds the table for long.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::collect::results::Kept;
use super::core::Core;
use super::labels::{Role, SocketState, Stage};
use super::report::snapshot::Snapshot;
use super::socket::attribution::Attribution;
use super::socket::row::address;
use super::socket::row::{Row, flag};

/// A row as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// The kernel's address of the socket.
    pub sk: u64,
    /// Inode of its network namespace.
    pub netns: u32,
    /// Its cgroup's id, 0 where not known.
    pub cgroup: u64,
    /// Local address; IPv4 as v4-mapped.
    pub local_address: Ipv6Addr,
    /// Local port.
    pub local_port: u16,
    /// Peer address; IPv4 as v4-mapped.
    pub peer_address: Ipv6Addr,
    /// Peer port.
    pub peer_port: u16,
    /// Its state.
    pub state: SocketState,
    /// When it entered the state, `CLOCK_MONOTONIC` nanoseconds.
    pub entered: u64,
    /// Whether it may have entered it earlier.
    pub entered_before: bool,
    /// When it was born, `CLOCK_MONOTONIC` nanoseconds.
    pub born: u64,
    /// Whether it may be older.
    pub born_before: bool,
    /// When it reached ESTABLISHED, to the microsecond, where that was seen.
    pub opened: Option<u64>,
    /// Its side.
    pub role: Role,
    /// The service port: local at a server, remote of a client, the lower of the two where the
    /// side is not known.
    pub service_port: u16,
    /// The owner's command name.
    pub process: Arc<str>,
    /// Its unit, container or pod; `host`, `unknown` or `~other`.
    pub workload: Arc<str>,
    /// The owner's process id, 0 where none is known.
    pub tgid: u32,
    /// How the owner is known.
    pub attribution: Attribution,
    /// How many processes held it when the descriptor tables were last read; 255 stands for more.
    pub holders: u8,
    /// Whether no descriptor referred to it when the last pass saw it.
    pub orphan: bool,
    /// Segments sent again.
    pub retransmitted: u32,
    /// What waits in it, as of the last pass.
    pub waiting: Waiting,
}

/// What waits in a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What the kernel lists as its receive queue: for a listener the connections that wait to be
    /// accepted, else bytes not read, the peer's FIN as one.
    pub receive_queue: u32,
    /// What the kernel lists as its send queue: for a listener the limit of its queue, else bytes
    /// not acknowledged, this side's SYN or FIN as one.
    pub send_queue: u32,
    /// How far a connection in CLOSE_WAIT has come; none in another state.
    pub stage: Option<Stage>,
    /// Whether bytes wait for the peer to open its window.
    pub held_back: bool,
}

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States(u16);

impl States {
    /// Every state.
    pub const ALL: Self = Self(u16::MAX);
    /// No state.
    pub const NONE: Self = Self(0);

    /// The states that should pass; see [`SocketState::can_leak`].
    #[must_use]
    pub fn leaking() -> Self {
        SocketState::ALL
            .iter()
            .filter(|state| state.can_leak())
            .fold(Self::NONE, |set, state| set.with(*state))
    }

    /// The set and one more.
    #[must_use]
    pub const fn with(self, state: SocketState) -> Self {
        Self(self.0 | 1 << state.index())
    }

    /// What both sets have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it has a state.
    #[must_use]
    pub const fn has(self, state: SocketState) -> bool {
        self.0 & (1 << state.index()) != 0
    }
}

impl Core {
    /// Everything counted, at `now`. Its cost follows the number of groups and services, and the
    /// rows that grew older than an age since the last time.
    pub(super) fn snapshot(&mut self, kept: &Kept, now: u64) -> Snapshot {
        self.cuts.advance(now);
        let books = &self.books;
        Snapshot {
            taken_at: now,
            groups: self.groups.snapshot(&self.rows, &self.cuts),
            services: self.services.snapshot(&self.groups),
            workloads: self.groups.workloads(),
            state_durations: books.state_durations.clone(),
            synack_retransmits: self.ports.snapshot(),
            retransmit_failures: books.retransmit_failures,
            namespaces: books.namespaces.clone(),
            pressure: kept.pressure(),
            transitions: books.transitions,
            retransmits: books.retransmits,
            tracked: count(self.rows.len()),
            limit: count(self.rows.limit()),
            refused: books.refused,
            unattributed: books.unattributed,
            unverified: books.unverified,
            unheld: books.unheld,
            shared: books.shared,
            owners_read: books.owners_read,
            corrections: books.corrections,
            reconcile_durations: books.reconcile_durations.clone(),
            last_reconcile: books.last_reconcile,
            label_overflow: vec![
                ("groups", self.groups.overflow),
                ("services", self.services.overflow),
                ("ports", self.ports.overflow()),
                ("namespaces", books.namespaces_folded),
                ("listeners", kept.listeners_folded()),
                ("workloads", self.workloads.overflow),
            ],
        }
    }

    /// Brings what is asked of ages up to `now`, past about `places` rows at the most, so that a
    /// snapshot has little left of that to do.
    pub(super) fn age(&mut self, now: u64, places: usize) {
        self.cuts.advance(now);
        self.groups.advance(&self.rows, &self.cuts, &mut { places });
    }

    /// All rows, in no particular order.
    pub(super) fn views(&self) -> impl Iterator<Item = RowView> + '_ {
        self.rows.iter().map(|row| self.view(row))
    }

    /// Appends the rows in `states` among `places` places of the slab from `from` on, and counts in
    /// `seen` the rows there in any state. Returns where to go on, none at the end. A row keeps its
    /// place for life, so a walk over all places meets each row that outlives it exactly once.
    pub(super) fn slice(
        &self,
        from: u32,
        places: u32,
        states: States,
        into: &mut Vec<RowView>,
        seen: &mut u64,
    ) -> Option<u32> {
        let end = from.saturating_add(places).min(self.rows.top());
        let live = (from..end)
            .map(|place| &self.rows[place])
            .filter(|row| row.has(flag::LIVE))
            .inspect(|_| *seen += 1);
        into.extend(live.filter(|row| states.has(row.state)).map(|row| self.view(row)));
        (end < self.rows.top()).then_some(end)
    }

    fn view(&self, row: &Row) -> RowView {
        RowView {
            sk: row.sk,
            netns: row.netns,
            cgroup: row.cgroup,
            local_address: address(row.local),
            local_port: row.local_port,
            peer_address: address(row.peer),
            peer_port: row.peer_port,
            state: row.state,
            entered: row.entered,
            entered_before: row.has(flag::ENTERED_BEFORE),
            born: row.born,
            born_before: row.has(flag::BORN_BEFORE),
            opened: row.opened(),
            role: row.role,
            service_port: row.service_port(),
            process: Arc::clone(self.groups.name(row.group)),
            workload: Arc::clone(self.groups.workload(row.group)),
            tgid: row.tgid,
            attribution: row.attribution,
            holders: row.holders,
            orphan: row.has(flag::ORPHAN),
            retransmitted: row.retransmitted,
            waiting: Waiting {
                receive_queue: row.queues.receive(),
                send_queue: row.queues.send(),
                stage: (row.state == SocketState::CloseWait).then(|| row.queues.stage()),
                held_back: row.queues.is_held_back(row.state),
            },
        }
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

impl Core {
    /// Whether rows that are in use belong to one of these processes, of `places` places of the
    /// slab from `from` on; and where to go on, none at the end. The kernel closes the sockets
    /// of a process that ends: one that is left in a state where it can still be used is held
    /// by another.
    pub(super) fn outlives(
        &self,
        ended: &HashSet<u32>,
        from: u32,
        places: u32,
    ) -> (bool, Option<u32>) {
        use SocketState::{CloseWait, Established, Listen, SynSent};
        let end = from.saturating_add(places).min(self.rows.top());
        let in_use = |row: &Row| {
            matches!(row.state, CloseWait | Established | Listen | SynSent)
                && row.attribution > Attribution::Lost
        };
        let mut rows = (from..end).map(|index| &self.rows[index]);
        let found = rows.any(|row| row.has(flag::LIVE) && in_use(row) && ended.contains(&row.tgid));
        (found, (end < self.rows.top()).then_some(end))
    }
}
