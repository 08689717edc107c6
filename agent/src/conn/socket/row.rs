//! A row of the table: what is known of one live socket, in a fixed size.
//!
//! Used by the table, its ordered lists and its passes; the slab holds the rows. `row_rules` says
//! what is true of every row.

use std::net::Ipv6Addr;

use agent_common::record::{Endpoints, flag as socket_flag};
use catalogue::labels::{Role, SocketState};

use super::attribution::Attribution;
use super::queues::Queues;
use crate::conn::ids::{GroupId, RowId, ServiceId};
use crate::conn::nanos::{Nanos, ShortSpan};

/// How much earlier the time of a record can be than what it tells: the tracepoint reads the clock
/// before the kernel stores the new state.
pub(crate) const MARGIN: Nanos = Nanos::from_millis(1);

/// The first port that the kernel gives to clients by default (`ip_local_port_range`).
const FIRST_EPHEMERAL: u16 = 32_768;

/// Bits of [`Row::flags`].
pub(crate) mod flag {
    /// The row is in use.
    pub(crate) const LIVE: u8 = 1;
    /// The birth was not observed: the socket is at least as old as `born` says.
    pub(crate) const BORN_BEFORE: u8 = 1 << 1;
    /// The list showed the state, its beginning was not observed: it is at least as old as
    /// `entered` says.
    pub(crate) const ENTERED_BEFORE: u8 = 1 << 2;
    /// The socket has been through a handshake: it counts as opened, or as adopted, and will count
    /// as closed.
    pub(crate) const CONNECTED: u8 = 1 << 3;
    /// This side sent its FIN first, or both did at once.
    pub(crate) const FIN_LOCAL: u8 = 1 << 4;
    /// The peer sent its FIN first, or both did at once.
    pub(crate) const FIN_REMOTE: u8 = 1 << 5;
    /// No descriptor referred to the socket when it was last observed.
    pub(crate) const ORPHAN: u8 = 1 << 6;
}

/// Values of [`Row::seen`]: two marks, then the numbers of passes.
pub(crate) mod seen {
    /// The last pass missed the row.
    pub(crate) const MISSED: u8 = 0;
    /// No pass has looked for the row yet.
    pub(crate) const FRESH: u8 = 1;

    /// Returns the number of the pass after the one with this number.
    pub(crate) const fn after(number: u8) -> u8 {
        if number == u8::MAX { FRESH + 1 } else { number + 1 }
    }
}

/// A live socket. What every record touches comes first and takes one or two cache lines; the
/// addresses, which only a listing reads, come last.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Row {
    /// The kernel's address of the socket, its key.
    pub(crate) sk: u64,
    /// When it entered its state; also the time of its last record.
    pub(crate) entered: Nanos,
    /// The next younger row of its list, or the next free row.
    pub(crate) next: Option<RowId>,
    /// The next older row of its list.
    pub(crate) prev: Option<RowId>,
    /// The group of its process, workload and role.
    pub(crate) group: GroupId,
    /// The state that it is in.
    pub(crate) state: SocketState,
    /// Which side of the connection it is.
    pub(crate) role: Role,
    /// How well its owner is known.
    pub(crate) attribution: Attribution,
    /// Bits of [`flag`].
    pub(crate) flags: u8,
    /// The last pass that saw it, or a mark; see [`seen`].
    pub(crate) seen: u8,
    /// How many processes held it when the descriptor tables were last read; 255 stands for more.
    pub(crate) holders: u8,
    /// When it was first observed.
    pub(crate) born: Nanos,
    /// The time from `born` to ESTABLISHED, saturating; `None` if that was not observed.
    opened_after: Option<ShortSpan>,
    /// The service that counts its opening and closing; `None` until that is looked up.
    pub(crate) service: Option<ServiceId>,
    /// The owner's process id; 0 if none is known.
    pub(crate) tgid: u32,
    /// The inode of its network namespace.
    pub(crate) netns: u32,
    /// The local port; 0 if none is known.
    pub(crate) local_port: u16,
    /// The peer's port; 0 if none is known.
    pub(crate) peer_port: u16,
    /// How many segments were retransmitted, saturating.
    pub(crate) retransmitted: u32,
    /// What waited in it when it was last observed.
    pub(crate) queues: Queues,
    /// The id of its cgroup.
    pub(crate) cgroup: u64,
    /// The local address, in network order in memory.
    pub(crate) local: [u64; 2],
    /// The peer's address, in network order in memory.
    pub(crate) peer: [u64; 2],
}

/// A million rows with their column and index take at most 176 bytes each; see
/// `xtask/cost/tests/allocations.rs`.
const _: () = assert!(size_of::<Row>() == 112);

impl Row {
    /// No row: what `observe` takes for a socket that has none.
    pub(crate) const ABSENT: Self = Self {
        sk: 0,
        entered: Nanos::ZERO,
        next: None,
        prev: None,
        group: GroupId::FIRST,
        state: SocketState::SynSent,
        role: Role::Unknown,
        attribution: Attribution::None,
        flags: 0,
        seen: seen::FRESH,
        holders: 0,
        born: Nanos::ZERO,
        opened_after: None,
        service: None,
        tgid: 0,
        netns: 0,
        local_port: 0,
        peer_port: 0,
        retransmitted: 0,
        queues: Queues::NONE,
        cgroup: 0,
        local: [0; 2],
        peer: [0; 2],
    };

    /// Returns a row as it begins: in `state` since `time`, without owner.
    pub(crate) fn new(ends: &Endpoints, state: SocketState, role: Role, time: Nanos) -> Self {
        Self {
            sk: ends.sk,
            entered: time,
            state,
            role,
            flags: flag::LIVE,
            born: time,
            netns: ends.netns,
            local_port: ends.local_port,
            peer_port: ends.peer_port,
            cgroup: ends.cgroup,
            local: ends.local,
            peer: ends.peer,
            ..Self::ABSENT
        }
    }

    /// Returns whether the socket waits in its listener's accept queue, as far as is known. It has
    /// the listener's owner then.
    pub(crate) fn waits(&self) -> bool {
        self.attribution == Attribution::Inherited && !self.is_attached()
    }

    /// Returns whether it is a connection in an accept queue, as far as is known. A subflow that
    /// was accepted, or that this side opened, has no `struct socket` either once its MPTCP
    /// connection is closed (`mptcp_close`, 6.18).
    #[inline]
    pub(crate) fn is_unaccepted(&self) -> bool {
        !self.is_attached()
            && self.role != Role::Client
            && self.attribution <= Attribution::Inherited
            && matches!(self.state, SocketState::Established | SocketState::CloseWait)
            && !self.has(flag::ORPHAN)
    }

    /// Returns whether it had a `struct socket` when it was last observed. It has none while it
    /// waits to be accepted.
    pub(crate) const fn is_attached(&self) -> bool {
        self.queues.is_attached()
    }

    /// Takes from the flags of a record or an entry whether a descriptor refers to the socket. The
    /// queues say whether it was accepted.
    pub(crate) const fn take_flags(&mut self, flags: u8) {
        self.flags &= !flag::ORPHAN;
        self.flags |= if flags & socket_flag::ORPHAN == 0 { 0 } else { flag::ORPHAN };
    }

    /// Returns the contents of a slot that is not in use.
    pub(crate) const fn unused(self) -> Self {
        Self { flags: 0, ..self }
    }

    /// Returns whether all of these [`flag`] bits are set.
    pub(crate) const fn has(&self, bits: u8) -> bool {
        self.flags & bits == bits
    }

    /// Returns whether it is in FIN_WAIT2 and no descriptor refers to it. That is no leak: the
    /// kernel ends such a socket by itself.
    pub(crate) fn is_left(&self) -> bool {
        self.state == SocketState::FinWait2 && self.has(flag::ORPHAN)
    }

    /// Puts the row under another process or role; its service is looked up again.
    pub(crate) fn set_group(&mut self, group: GroupId) {
        if self.group != group {
            self.group = group;
            self.service = None;
        }
    }

    /// Remembers that it reached ESTABLISHED at `time`.
    #[inline]
    pub(crate) fn opened_at(&mut self, time: Nanos) {
        self.opened_after = Some(ShortSpan::saturating(time.saturating_sub(self.born)));
    }

    /// Returns when it reached ESTABLISHED, exact to the microsecond; `None` if that was not
    /// observed.
    #[inline]
    pub(crate) fn opened(&self) -> Option<Nanos> {
        self.opened_after.map(|after| self.born.saturating_add(after.nanos()))
    }

    /// Returns the service port: local at a server, remote of a client. If the side is not known,
    /// it is the lower of the two if that lies below the range of clients' ports, else 0: a port
    /// that a client was given names no service.
    pub(crate) const fn service_port(&self) -> u16 {
        let lower = match (self.local_port, self.peer_port) {
            (0, port) | (port, 0) => port,
            (local, peer) if peer < local => peer,
            (local, _) => local,
        };
        match self.role {
            Role::Client => self.peer_port,
            Role::Server => self.local_port,
            Role::Unknown if lower < FIRST_EPHEMERAL => lower,
            Role::Unknown => 0,
        }
    }

    /// Returns whether these ends can be the socket's: its namespace does not change, nor does a
    /// port once chosen (`inet_csk_get_port`, `inet_hash_connect`, 6.18).
    pub(crate) const fn has_ends(&self, ends: &Endpoints) -> bool {
        self.netns == ends.netns
            && (self.local_port == 0 || ends.local_port == 0 || self.local_port == ends.local_port)
            && (self.peer_port == 0 || ends.peer_port == 0 || self.peer_port == ends.peer_port)
    }

    /// Returns whether the socket was born after the reading of the descriptor tables began, at
    /// `walked`: what was read can be of another socket that had its address before.
    pub(crate) fn is_born_since(&self, walked: Nanos) -> bool {
        !self.has(flag::BORN_BEFORE) && self.born.saturating_add(MARGIN) >= walked
    }

    /// Takes what a later observation knows better: the local port is often not chosen at SYN_SENT
    /// (`tcp_v4_connect`), the peer not yet set at SYN_RECV (`inet_csk_clone_lock`, up to 6.12).
    pub(crate) fn take_ends(&mut self, ends: &Endpoints) {
        if ends.local_port != 0 {
            self.local_port = ends.local_port;
            self.local = ends.local;
        }
        if ends.peer_port != 0 {
            self.peer_port = ends.peer_port;
            self.peer = ends.peer;
        }
        if ends.cgroup != 0 {
            self.cgroup = ends.cgroup;
        }
    }
}

/// Returns an address as rows keep it.
pub(crate) fn words(address: Ipv6Addr) -> [u64; 2] {
    let bytes = address.octets();
    let (front, back) = bytes.split_at(8);
    [front, back].map(|half| half.try_into().map_or(0, u64::from_ne_bytes))
}

/// Returns an address that rows keep as one that can be printed.
pub(crate) fn address(words: [u64; 2]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words[0].to_ne_bytes());
    bytes[8..].copy_from_slice(&words[1].to_ne_bytes());
    bytes.into()
}
