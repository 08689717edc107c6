//! Which state may follow which, so that an unexpected record can be told apart: a record before it
//! was lost, or the socket's address belongs to another socket by now.
//!
//! Used by the table and by the pass. Facts: the kernel's TCP state machine moves forward only
//! (`tcp_set_state` callers, 6.12); a socket's address is used again within milliseconds.

use agent_common::record::State;
use agent_common::tcp;

use super::row::{Row, flag};
use crate::conn::labels::{Role, SocketState};

/// Whether a live socket in this state has been through a handshake.
pub(crate) const fn is_connected(state: SocketState) -> bool {
    !matches!(state, SocketState::SynSent | SocketState::SynRecv | SocketState::Listen)
}

/// Whether a socket in `from` can be in `to` later, without having been closed in between.
pub(crate) const fn can_reach(from: SocketState, to: SocketState) -> bool {
    use SocketState::{
        CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent,
    };
    match from {
        SynSent => matches!(to, SynRecv) || is_connected(to),
        SynRecv => is_connected(to),
        Established => is_connected(to) && !matches!(to, Established),
        FinWait1 => matches!(to, FinWait2 | Closing),
        CloseWait => matches!(to, LastAck),
        FinWait2 | LastAck | Closing | SocketState::Listen => false,
    }
}

/// How a record stands to the row that has its socket's address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// It leaves the state that the row is in.
    Same,
    /// It leaves a state that the row has not heard of, but can be in by now.
    Behind,
    /// It is of another socket.
    Stranger,
}

/// Tells them apart; `old` is the state that the record leaves.
#[inline]
pub(crate) fn relation(row: &Row, record: &State, old: Option<SocketState>) -> Relation {
    match old {
        _ if is_birth(record) || !row.has_ends(&record.ends) => Relation::Stranger,
        Some(old) if old == row.state => Relation::Same,
        Some(old) if can_reach(row.state, old) => Relation::Behind,
        _ => Relation::Stranger,
    }
}

/// Whether a record begins a socket's life: it leaves CLOSE, or it is the child of a listener.
pub(crate) const fn is_birth(record: &State) -> bool {
    record.old == tcp::CLOSE || (record.old == tcp::LISTEN && record.new == tcp::SYN_RECV)
}

/// Whether a record is the very end of a handshake.
pub(crate) const fn is_opening(record: &State) -> bool {
    matches!((record.old, record.new), (tcp::SYN_SENT | tcp::SYN_RECV, tcp::ESTABLISHED))
}

/// The side that a transition proves.
pub(crate) const fn role_at(old: u8, new: SocketState) -> Role {
    match (old, new) {
        (_, SocketState::SynSent) | (tcp::SYN_SENT, _) => Role::Client,
        (_, SocketState::Listen) | (tcp::LISTEN, _) => Role::Server,
        _ => Role::Unknown,
    }
}

/// Remembers who sent the first FIN, as far as the row's state tells.
pub(crate) const fn note_first_fin(row: &mut Row) {
    row.flags |= match row.state {
        SocketState::FinWait1 | SocketState::FinWait2 => flag::FIN_LOCAL,
        SocketState::CloseWait | SocketState::LastAck => flag::FIN_REMOTE,
        SocketState::Closing => flag::FIN_LOCAL | flag::FIN_REMOTE,
        _ => 0,
    };
}
