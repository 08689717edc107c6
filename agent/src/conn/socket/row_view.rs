//! A row as listings show it, and the set of states by which listings choose rows.
//!
//! Made by `view`; read by listings, by the survey of leaks and by tests.

use std::net::Ipv6Addr;
use std::sync::Arc;

use catalogue::labels::{Role, SocketState, Stage};

use super::activity::{Activity, ActivityView};
use super::attribution::Attribution;
use super::multipath::MultipathView;
use super::row::{Row, address, flag};
use crate::conn::nanos::Nanos;

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
    /// How many segments were retransmitted.
    pub retransmitted: u32,
    /// What waits in it, as of the last pass.
    pub waiting: Waiting,
    /// What it has done, as of the last pass.
    pub activity: ActivityView,
    /// When the last pass looked at it, or shortly before, `CLOCK_MONOTONIC` nanoseconds; `None` if
    /// that pass did not meet it.
    pub looked: Option<u64>,
}

impl RowView {
    /// Returns how long it had carried no data when the last pass looked at it, nanoseconds; at
    /// `now` (`CLOCK_MONOTONIC`) that is a lower bound, or it has been used since. `None` if the
    /// last use is not known.
    #[must_use]
    pub fn idle(&self, now: u64) -> Option<u64> {
        let until = self.looked.map_or(now, |looked| looked.min(now));
        self.activity.used().map(|used| until.saturating_sub(used))
    }

    /// Returns whether its `connect` had not sent a SYN when the last pass looked at it: with TCP
    /// Fast Open it waits for the first write (`tcp_v4_connect`, `TCP_FASTOPEN_CONNECT`, 4.11).
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.state == SocketState::SynSent && self.activity.in_flight == Some(false)
    }

    /// Returns whether its `connect` is known to have sent a SYN that is not answered: it was
    /// retransmitted, or the last pass saw it.
    #[must_use]
    pub fn waits_for_an_answer(&self) -> bool {
        let seen = self.looked.is_some() && !self.is_deferred();
        self.state == SocketState::SynSent && (self.retransmitted > 0 || seen)
    }

    /// Returns whether its peer did not acknowledge when the last pass looked at it.
    #[must_use]
    pub fn is_unacknowledged(&self) -> bool {
        self.looked.is_some_and(|looked| self.activity.is_unacknowledged(looked))
    }
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
    /// How far a connection in CLOSE_WAIT has come. In ESTABLISHED: `Unaccepted` if it should have
    /// been accepted by now; else none, as in any other state.
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

    /// Returns the transient states; see [`SocketState::can_leak`].
    #[must_use]
    pub fn leaking() -> Self {
        SocketState::ALL
            .iter()
            .filter(|state| state.can_leak())
            .fold(Self::NONE, |set, state| set.with(*state))
    }

    /// Returns the set with one more state.
    #[must_use]
    pub const fn with(self, state: SocketState) -> Self {
        Self(self.0 | 1 << state.index())
    }

    /// Returns what both sets have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether it has a state.
    #[must_use]
    pub const fn has(self, state: SocketState) -> bool {
        self.0 & (1 << state.index()) != 0
    }
}

impl RowView {
    /// Returns the owner's process id; `None` if the owner is not known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (self.attribution != Attribution::None && self.tgid != 0).then_some(self.tgid)
    }

    /// Returns the MPTCP connection that it is a subflow of, if the peer has closed that while the
    /// subflow is still established: then nothing of TCP's own state tells it.
    #[must_use]
    pub fn closed_multipath(&self) -> Option<MultipathView> {
        let is_closed = |connection: &MultipathView| connection.state == SocketState::CloseWait;
        let connection = self.activity.multipath.filter(is_closed);
        connection.filter(|_| self.state == SocketState::Established)
    }

    /// Shows a row under the name of its process and workload.
    pub(crate) fn new(
        row: &Row,
        activity: &Activity,
        process: &Arc<str>,
        workload: &Arc<str>,
        looked: Option<u64>,
    ) -> Self {
        let stage = match row.state {
            SocketState::CloseWait => Some(row.queues.stage()),
            SocketState::Established => activity.is_not_accepted().then_some(Stage::Unaccepted),
            _ => None,
        };
        let done = activity.view();
        // Of what the last pass did not meet, nothing is known any more.
        let multipath = done.multipath.filter(|_| looked.is_some());
        Self {
            sk: row.sk,
            netns: row.netns,
            cgroup: row.cgroup,
            local_address: address(row.local),
            local_port: row.local_port,
            peer_address: address(row.peer),
            peer_port: row.peer_port,
            state: row.state,
            entered: row.entered.get(),
            entered_before: row.has(flag::ENTERED_BEFORE),
            born: row.born.get(),
            born_before: row.has(flag::BORN_BEFORE),
            opened: row.opened().map(Nanos::get),
            role: row.role,
            service_port: row.service_port(),
            process: Arc::clone(process),
            workload: Arc::clone(workload),
            tgid: row.tgid,
            attribution: row.attribution,
            holders: row.holders,
            orphan: row.has(flag::ORPHAN),
            retransmitted: row.retransmitted,
            waiting: Waiting {
                receive_queue: row.queues.receive(),
                send_queue: row.queues.send(),
                stage,
                held_back: row.queues.is_held_back(row.state),
            },
            activity: ActivityView { multipath, ..done },
            looked,
        }
    }
}
