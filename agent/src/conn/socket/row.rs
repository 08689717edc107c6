//! A row of the table: what is known of one live socket, in a fixed size.
//!
//! Used by the table, its ordered lists and its passes; the rows lie in the `slab`.

use std::net::Ipv6Addr;

use agent_common::record::{Endpoints, flag as socket_flag};

use super::attribution::Attribution;
use super::queues::Queues;
use crate::conn::labels::{Role, SocketState};

/// No row.
pub(crate) const NIL: u32 = u32::MAX;
/// No service looked up yet.
pub(crate) const NO_SERVICE: u32 = u32::MAX;
/// By how much the time of a record may be earlier than what it tells, nanoseconds: the tracepoint
/// takes its time before the kernel stores the new state.
pub(crate) const MARGIN: u64 = 1_000_000;
/// No moment of opening known.
const NEVER: u32 = u32::MAX;

/// Bits of [`Row::flags`].
pub(crate) mod flag {
    /// The row is in use.
    pub(crate) const LIVE: u8 = 1;
    /// The birth was not seen: the connection is at least as old as `born` says.
    pub(crate) const BORN_BEFORE: u8 = 1 << 1;
    /// The state was found, not seen to begin: it is at least as old as `entered` says.
    pub(crate) const ENTERED_BEFORE: u8 = 1 << 2;
    /// It reached ESTABLISHED: it counts as opened (or as older than the agent) and will count as
    /// closed.
    pub(crate) const CONNECTED: u8 = 1 << 3;
    /// This side sent its FIN first, or both did at once.
    pub(crate) const FIN_LOCAL: u8 = 1 << 4;
    /// The peer sent its FIN first, or both did at once.
    pub(crate) const FIN_REMOTE: u8 = 1 << 5;
    /// No descriptor refers to the socket, as the last pass saw it.
    pub(crate) const ORPHAN: u8 = 1 << 6;
}

/// Values of [`Row::seen`]: two marks, and above them the numbers of passes.
pub(crate) mod seen {
    /// The last pass missed it.
    pub(crate) const MISSED: u8 = 0;
    /// No pass has looked for it yet.
    pub(crate) const FRESH: u8 = 1;

    /// The number of the pass after the one with this number.
    pub(crate) const fn after(number: u8) -> u8 {
        if number == u8::MAX { FRESH + 1 } else { number + 1 }
    }
}

/// A live socket. What every record touches comes first, so that it takes one or two cache lines;
/// the addresses, which only a listing reads, last.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Row {
    /// The kernel's address of the socket, its key.
    pub(crate) sk: u64,
    /// When it entered its state; also the time of its last event.
    pub(crate) entered: u64,
    /// The next younger row of its list, or the next free row.
    pub(crate) next: u32,
    /// The next older row of its list.
    pub(crate) prev: u32,
    /// Process and role.
    pub(crate) group: u16,
    /// Its state.
    pub(crate) state: SocketState,
    /// Its side.
    pub(crate) role: Role,
    /// How its owner is known.
    pub(crate) attribution: Attribution,
    /// See [`flag`].
    pub(crate) flags: u8,
    /// The last pass that saw it, or a mark; see [`seen`].
    pub(crate) seen: u8,
    /// How many processes held it when the descriptor tables were last read; 255 stands for more.
    pub(crate) holders: u8,
    /// When it was first heard of.
    pub(crate) born: u64,
    /// From `born` to ESTABLISHED, microseconds, saturating; [`NEVER`] where not seen.
    opened_after: u32,
    /// Where its opening and closing are counted, [`NO_SERVICE`] until needed.
    pub(crate) service: u32,
    /// The owner's process id, 0 where none is known.
    pub(crate) tgid: u32,
    /// Inode of its network namespace.
    pub(crate) netns: u32,
    /// Local port.
    pub(crate) local_port: u16,
    /// Peer port.
    pub(crate) peer_port: u16,
    /// Segments sent again.
    pub(crate) retransmitted: u32,
    /// What waits in it, as of the last pass.
    pub(crate) queues: Queues,
    /// Its cgroup's id.
    pub(crate) cgroup: u64,
    /// Local address, network order in memory.
    pub(crate) local: [u64; 2],
    /// Peer address, network order in memory.
    pub(crate) peer: [u64; 2],
}

/// A million rows with their index take less than 128 bytes each; see
/// `xtask/cost/tests/allocations.rs`.
const _: () = assert!(size_of::<Row>() == 112);

impl Row {
    /// No row: what `socket::observe` takes for a socket that has none.
    pub(crate) const ABSENT: Self = Self {
        sk: 0,
        entered: 0,
        next: NIL,
        prev: NIL,
        group: 0,
        state: SocketState::SynSent,
        role: Role::Unknown,
        attribution: Attribution::None,
        flags: 0,
        seen: seen::FRESH,
        holders: 0,
        born: 0,
        opened_after: NEVER,
        service: NO_SERVICE,
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

    /// A row as it begins: in `state` since `time`, without owner.
    pub(crate) fn new(ends: &Endpoints, state: SocketState, role: Role, time: u64) -> Self {
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

    /// Returns the rule of a row that this one breaks; none if it keeps them all. A row of the table
    /// keeps them whatever records came and were lost.
    pub(crate) fn broken_rule(&self) -> Option<&'static str> {
        use SocketState::{
            CloseWait, Closing, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
        };
        if !self.has(flag::LIVE) {
            return None;
        }
        let (connected, inherited) =
            (self.has(flag::CONNECTED), self.attribution == Attribution::Inherited);
        let rules = [
            (
                connected || matches!(self.state, SynSent | SynRecv | Listen),
                "a state that follows a handshake counts as open",
            ),
            (
                connected || self.flags & (flag::FIN_LOCAL | flag::FIN_REMOTE) == 0,
                "a FIN follows a handshake",
            ),
            (
                self.has(flag::FIN_LOCAL) || !matches!(self.state, FinWait1 | FinWait2 | Closing),
                "FIN_WAIT1, FIN_WAIT2 and CLOSING follow a FIN of this side",
            ),
            (
                self.has(flag::FIN_REMOTE) || !matches!(self.state, CloseWait | LastAck | Closing),
                "CLOSE_WAIT, LAST_ACK and CLOSING follow a FIN of the peer",
            ),
            (connected || self.opened().is_none(), "what opened counts as open"),
            (
                self.tgid == 0 || self.attribution != Attribution::None,
                "a process id comes with an attribution",
            ),
            (!inherited || self.role == Role::Server, "who inherits from a listener is a server"),
        ];
        rules.iter().find(|(kept, _)| !kept).map(|(_, rule)| *rule)
    }

    /// Panics in debug builds if the row breaks one of its rules.
    #[inline]
    pub(crate) fn assert_rules(&self) {
        debug_assert!(
            self.broken_rule().is_none(),
            "a row breaks the rule that {}: {self:?}",
            self.broken_rule().unwrap_or_default()
        );
    }

    /// Whether it waits in its listener's accept queue, as far as is known: then it has the
    /// listener's owner.
    pub(crate) fn waits(&self) -> bool {
        self.attribution == Attribution::Inherited && !self.is_attached()
    }

    /// Whether it had a `struct socket` when it was last heard of: not so while it waits to be
    /// accepted.
    pub(crate) const fn is_attached(&self) -> bool {
        self.queues.is_attached()
    }

    /// Takes what the flags of a record or of an entry of the socket list tell: whether nobody has
    /// a descriptor of it. Whether it was accepted goes with what waits in it.
    pub(crate) const fn take_flags(&mut self, flags: u8) {
        self.flags &= !flag::ORPHAN;
        self.flags |= if flags & socket_flag::ORPHAN == 0 { 0 } else { flag::ORPHAN };
    }

    /// The contents of a place that is not in use.
    pub(crate) const fn unused(self) -> Self {
        Self { flags: 0, ..self }
    }

    /// Whether all of `bits` are set.
    pub(crate) const fn has(&self, bits: u8) -> bool {
        self.flags & bits == bits
    }

    /// Whether it is in FIN_WAIT2 and nobody has a descriptor of it: no leak, since the kernel ends
    /// it by itself.
    pub(crate) fn is_left(&self) -> bool {
        self.state == SocketState::FinWait2 && self.has(flag::ORPHAN)
    }

    /// Puts it under another process or role; its service is looked up again.
    pub(crate) const fn set_group(&mut self, group: u16) {
        if self.group != group {
            self.group = group;
            self.service = NO_SERVICE;
        }
    }

    /// Remembers when it reached ESTABLISHED.
    pub(crate) fn opened_at(&mut self, time: u64) {
        let after = time.saturating_sub(self.born) / 1000;
        self.opened_after = u32::try_from(after).unwrap_or(NEVER - 1).min(NEVER - 1);
    }

    /// When it reached ESTABLISHED, to the microsecond; none where that was not seen.
    pub(crate) fn opened(&self) -> Option<u64> {
        (self.opened_after != NEVER)
            .then(|| self.born.saturating_add(u64::from(self.opened_after) * 1000))
    }

    /// The service port: local at a server, remote of a client. Where the side is not known, the
    /// lower of the two, because service ports lie below the range that clients' ports come from.
    pub(crate) const fn service_port(&self) -> u16 {
        match self.role {
            Role::Client => self.peer_port,
            Role::Unknown if self.peer_port == 0 => self.local_port,
            Role::Unknown if self.local_port == 0 || self.peer_port < self.local_port => {
                self.peer_port
            }
            Role::Server | Role::Unknown => self.local_port,
        }
    }

    /// Whether a record's ends can belong to this socket: the namespace does not change, nor
    /// does a port once chosen.
    pub(crate) const fn has_ends(&self, ends: &Endpoints) -> bool {
        self.netns == ends.netns
            && (self.local_port == 0 || ends.local_port == 0 || self.local_port == ends.local_port)
            && (self.peer_port == 0 || ends.peer_port == 0 || self.peer_port == ends.peer_port)
    }

    /// Whether the socket came after the descriptor tables were begun to be read, from the moment
    /// `walked` on: what was read may be of another socket that had its address before.
    pub(crate) const fn is_born_since(&self, walked: u64) -> bool {
        !self.has(flag::BORN_BEFORE) && self.born.saturating_add(MARGIN) >= walked
    }

    /// Takes what a later record knows better: the local port is often not chosen at SYN_SENT, the
    /// peer not yet set at SYN_RECV (`inet_csk_clone_lock` up to 6.12).
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

/// An address as the rows keep it, as one that can be printed.
pub(crate) fn address(words: [u64; 2]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words[0].to_ne_bytes());
    bytes[8..].copy_from_slice(&words[1].to_ne_bytes());
    bytes.into()
}
