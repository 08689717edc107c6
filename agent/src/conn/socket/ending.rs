//! Why a connection ended, or a connect came to nothing.
//!
//! Used by `apply`. Facts (6.18): `sk_err` at the transition tells why; the local port that
//! `inet_sport` gives is still valid, and 0 only where none was ever found; FIN_WAIT2 -> CLOSE and
//! CLOSING -> CLOSE mean that a TIME_WAIT socket took over.

use super::row::{Row, flag};
use crate::conn::labels::{CloseReason, ConnectFailure, Role, SocketState};

/// Error numbers, equal on all architectures that the agent runs on (`asm-generic/errno.h`).
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ENETUNREACH: u16 = 101;
    pub(super) const ECONNRESET: u16 = 104;
    pub(super) const ETIMEDOUT: u16 = 110;
    pub(super) const ECONNREFUSED: u16 = 111;
    pub(super) const EHOSTUNREACH: u16 = 113;
}

/// Whether a socket that closes in this state was still connecting: a child that closes in SYN_RECV
/// was never anybody's connection and counts nowhere.
pub(crate) fn is_connect(old: SocketState, role: Role) -> bool {
    old == SocketState::SynSent || (old == SocketState::SynRecv && role == Role::Client)
}

/// Why an established connection ended.
pub(crate) fn close_reason(old: SocketState, err: u16, row: &Row) -> CloseReason {
    match (err, old) {
        (errno::ECONNRESET | errno::EPIPE, SocketState::Established) => CloseReason::RstReceived,
        // The first FIN has passed in all later states.
        (errno::ECONNRESET | errno::EPIPE, _) => CloseReason::RstAfterFin,
        (errno::ETIMEDOUT, _) => CloseReason::Timeout,
        (0, _) if row.has(flag::FIN_LOCAL | flag::FIN_REMOTE) => CloseReason::Simultaneous,
        (0, SocketState::Established) => CloseReason::RstSent,
        (0, SocketState::CloseWait | SocketState::FinWait1) => CloseReason::RstAfterFin,
        (0, SocketState::FinWait2) => CloseReason::FinLocal,
        (0, SocketState::LastAck) => CloseReason::FinRemote,
        _ => CloseReason::Other,
    }
}

/// Why a connect came to nothing.
pub(crate) fn connect_failure(err: u16, local_port: u16, old: SocketState) -> ConnectFailure {
    match err {
        errno::ECONNREFUSED => ConnectFailure::Refused,
        errno::ETIMEDOUT => ConnectFailure::TimedOut,
        errno::EHOSTUNREACH => ConnectFailure::HostUnreachable,
        errno::ENETUNREACH => ConnectFailure::NetUnreachable,
        errno::ECONNRESET | errno::EPIPE => ConnectFailure::Reset,
        // `inet_hash_connect` found no port (`EADDRNOTAVAIL`): no SYN left the machine.
        0 if local_port == 0 && old == SocketState::SynSent => ConnectFailure::NoLocalPort,
        0 => ConnectFailure::Canceled,
        _ => ConnectFailure::Other,
    }
}
