//! What is observed of one socket: a record of the probes, or an entry of the kernel's socket list.
//!
//! Made by `apply` from records and by the pass from entries. Guarantee: a state that no row can
//! have never becomes an observation.

use agent_common::record::{Endpoints, Socket, State};
use agent_common::tcp;
use catalogue::labels::{Role, SocketState};

use crate::conn::nanos::Nanos;

/// One observation of one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Observation<'a> {
    /// A transition that does not end in CLOSE. `old` is `None` if it begins there.
    Transition { old: Option<SocketState>, new: SocketState, record: &'a State },
    /// A transition into CLOSE.
    Close { old: SocketState, record: &'a State },
    /// An entry of the kernel's socket list.
    Listed { state: SocketState, entry: &'a Socket },
}

impl<'a> Observation<'a> {
    /// Returns what a record tells; `None` if it names a state that no row has. No transition of a
    /// kernel does: TIME_WAIT and NEW_SYN_RECV are states of small sockets (`tcp_time_wait`,
    /// `inet_reqsk_alloc`, 6.18).
    #[inline]
    pub(crate) fn of_record(record: &'a State) -> Option<Self> {
        if record.new == tcp::CLOSE {
            return Self::of_close(record);
        }
        let new = SocketState::from_code(record.new)?;
        let old = SocketState::from_code(record.old);
        let known = old.is_some() || record.old == tcp::CLOSE;
        known.then_some(Self::Transition { old, new, record })
    }

    /// Returns what the record of a close tells; `None` if it leaves a state that no row has.
    #[inline]
    pub(crate) fn of_close(record: &'a State) -> Option<Self> {
        SocketState::from_code(record.old).map(|old| Self::Close { old, record })
    }

    /// Returns what an entry tells; `None` for small sockets, which have no row.
    #[inline]
    pub(crate) fn of_entry(entry: &'a Socket) -> Option<Self> {
        SocketState::from_code(entry.state).map(|state| Self::Listed { state, entry })
    }

    /// Returns the socket and where it is.
    #[inline]
    pub(crate) const fn ends(&self) -> &'a Endpoints {
        match self {
            Self::Transition { record, .. } | Self::Close { record, .. } => &record.ends,
            Self::Listed { entry, .. } => &entry.ends,
        }
    }

    /// Returns when it was made.
    #[inline]
    pub(super) const fn time(&self) -> Nanos {
        Nanos::new(match self {
            Self::Transition { record, .. } | Self::Close { record, .. } => record.time,
            Self::Listed { entry, .. } => entry.time,
        })
    }

    /// Returns the state of a row that takes it. A socket that closes is last seen in the state
    /// that it leaves.
    #[inline]
    pub(super) const fn state(&self) -> SocketState {
        match *self {
            Self::Transition { new: state, .. }
            | Self::Close { old: state, .. }
            | Self::Listed { state, .. } => state,
        }
    }

    /// Returns whether a socket's life begins with it: it leaves CLOSE, or is the child of a
    /// listener (`inet_csk_clone_lock`).
    #[inline]
    pub(super) const fn is_birth(&self) -> bool {
        use SocketState::{Listen, SynRecv};
        matches!(
            self,
            Self::Transition { old: None, .. }
                | Self::Transition { old: Some(Listen), new: SynRecv, .. }
        )
    }

    /// Returns whether it is the very end of a handshake (`tcp_finish_connect`,
    /// `tcp_rcv_state_process`).
    #[inline]
    pub(super) const fn is_opening(&self) -> bool {
        use SocketState::{Established, SynRecv, SynSent};
        matches!(self, Self::Transition { old: Some(SynSent | SynRecv), new: Established, .. })
    }

    /// Returns whether it is an entry of the list.
    #[inline]
    pub(super) const fn is_listed(&self) -> bool {
        matches!(self, Self::Listed { .. })
    }

    /// Returns the side that it proves.
    #[inline]
    pub(super) const fn role(&self) -> Role {
        use SocketState::{Listen, SynSent};
        let old = match *self {
            Self::Transition { old, .. } => old,
            Self::Close { old, .. } => Some(old),
            Self::Listed { .. } => None,
        };
        match (old, self.state()) {
            (_, SynSent) | (Some(SynSent), _) => Role::Client,
            (_, Listen) | (Some(Listen), _) => Role::Server,
            _ => Role::Unknown,
        }
    }
}
