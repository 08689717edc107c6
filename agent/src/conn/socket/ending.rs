//! How a socket ends: why a connection was closed, or why a connect came to nothing.
//!
//! Used by `observe`. Facts (6.18): the error of a record into CLOSE tells why; the local port
//! that `inet_sport` gives is still valid there, and 0 only if none was ever found; FIN_WAIT2 ->
//! CLOSE and CLOSING -> CLOSE mean that a TIME_WAIT socket took over.

use agent_common::record::{State, flag as record_flag};
use catalogue::labels::{CloseReason, ConnectFailure, Role, SocketState};

use super::outcome::Ending;
use super::row::{Row, flag};
use crate::conn::nanos::Nanos;

/// Error numbers, equal on all architectures that the agent runs on (`asm-generic/errno.h`).
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ENETUNREACH: u16 = 101;
    pub(super) const ECONNRESET: u16 = 104;
    pub(super) const ETIMEDOUT: u16 = 110;
    pub(super) const ECONNREFUSED: u16 = 111;
    pub(super) const EHOSTUNREACH: u16 = 113;
}

/// Returns how a socket ended that a record of its close leaves in the row's state.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
pub(super) fn ending(row: &Row, record: &State) -> Ending {
    if row.has(flag::CONNECTED) {
        let lasted = row.opened().map(|opened| Nanos::new(record.time).saturating_sub(opened));
        return Ending::Closed { reason: close_reason(row, record.err), lasted };
    }
    match (row.state, row.role) {
        (SocketState::SynSent, _) | (SocketState::SynRecv, Role::Client) => {
            Ending::Failed(connect_failure(row, record))
        }
        // A child that dies in its handshake was never anybody's connection.
        _ => Ending::Uncounted,
    }
}

/// Returns how a socket ended whose close was missed: why it did is not known.
#[inline]
pub(crate) fn missed(row: &Row) -> Ending {
    if row.has(flag::CONNECTED) {
        Ending::Closed { reason: CloseReason::Other, lasted: None }
    } else {
        Ending::Uncounted
    }
}

/// Returns why an established connection ended in the row's state.
fn close_reason(row: &Row, err: u16) -> CloseReason {
    match (err, row.state) {
        (errno::ECONNRESET | errno::EPIPE, SocketState::Established) => CloseReason::RstReceived,
        // In all later states the first FIN has passed.
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

/// Returns why a connect came to nothing in the row's state.
fn connect_failure(row: &Row, record: &State) -> ConnectFailure {
    match record.err {
        // `__inet_hash_connect` found no port (`EADDRNOTAVAIL`): no SYN left the machine. An error
        // is one that an earlier connect of the same socket left behind.
        _ if row.local_port == 0 && row.state == SocketState::SynSent => {
            ConnectFailure::NoLocalPort
        }
        errno::ECONNREFUSED => ConnectFailure::Refused,
        errno::ETIMEDOUT => ConnectFailure::TimedOut,
        errno::EHOSTUNREACH => ConnectFailure::HostUnreachable,
        errno::ENETUNREACH => ConnectFailure::NetUnreachable,
        errno::ECONNRESET | errno::EPIPE => ConnectFailure::Reset,
        0 if record.flags & record_flag::LOCKED != 0 => ConnectFailure::Canceled,
        // Who cancels holds the lock. Nobody did: the kernel ended the connect with an error, and
        // the program took that (`SO_ERROR`) before the state changed (`tcp_v4_err`, 5.10).
        _ => ConnectFailure::Other,
    }
}
