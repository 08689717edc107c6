//! What a transition into CLOSE means: nothing, a connect that came to nothing, or the end of a
//! connection, each with its reason.
//!
//! Called by the table. Facts (6.18): `sk_err` at the transition tells why; the local port that
//! `inet_sport` gives is still valid, and 0 only where none was ever found; FIN_WAIT2 -> CLOSE and
//! CLOSING -> CLOSE mean that a TIME_WAIT socket took over.

use agent_common::record::{Close, State};

use super::core::Core;
use super::effect::Effect;
use super::labels::{CloseReason, ConnectFailure, Correction, Role, SocketState};
use super::rows::{Row, flag};
use super::succession::{Relation, is_connected, note_first_fin, relation};

/// Error numbers, equal on all architectures that the agent runs on (`asm-generic/errno.h`).
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ENETUNREACH: u16 = 101;
    pub(super) const ECONNRESET: u16 = 104;
    pub(super) const ETIMEDOUT: u16 = 110;
    pub(super) const ECONNREFUSED: u16 = 111;
    pub(super) const EHOSTUNREACH: u16 = 113;
}

impl Core {
    /// Removes the row of a closed socket and counts its end. A socket that had no row counts as if
    /// it had been found just before.
    pub(super) fn end(&mut self, record: &State, numbers: Option<&Close>) -> Effect {
        let Some(old) = SocketState::from_code(record.old) else { return Effect::None };
        self.books.transitions += 1;
        let mut row = self.last_row(record, old);
        row.state = old;
        row.take_ends(&record.ends);
        note_first_fin(&mut row);
        self.name_owner(&mut row, record);
        if is_connected(old) && !row.has(flag::CONNECTED) {
            self.connect(&mut row, false, record.time);
        }
        if row.has(flag::CONNECTED) {
            let lasted = row.opened().map(|opened| record.time.saturating_sub(opened));
            let reason = close_reason(old, record.err, &row);
            self.services.of(&mut row, &self.groups).closed(reason, lasted, numbers);
        } else if is_connect(old, row.role) {
            let reason = connect_failure(record.err, row.local_port, old);
            self.services.of(&mut row, &self.groups).failed(reason);
        }
        Effect::Closed { sk: record.ends.sk, time: record.time }
    }

    /// The row that a socket had when it closed, out of the table; a fresh one where it had none.
    fn last_row(&mut self, record: &State, old: SocketState) -> Row {
        if let Some(entry) = self.index.entry(record.ends.sk, &self.rows) {
            match relation(&self.rows[*entry.get()], record, Some(old)) {
                Relation::Stranger => self.bury(record.ends.sk),
                relation => {
                    let (index, _) = entry.remove();
                    let row = self.release(index);
                    if relation == Relation::Behind {
                        self.correct(Correction::WrongState);
                    } else {
                        self.books.left(&row, record.time);
                    }
                    return row;
                }
            }
        }
        if self.knows(record.ends.netns) {
            self.correct(Correction::MissedOpen);
        }
        let role = match old {
            SocketState::SynSent => Role::Client,
            SocketState::Listen => Role::Server,
            _ => Role::Unknown,
        };
        let mut row = Self::stranger(&record.ends, old, role, record.time);
        row.flags |= flag::BORN_BEFORE;
        row
    }
}

/// Whether a socket that closes in this state was still connecting: a child that closes in SYN_RECV
/// was never anybody's connection and counts nowhere.
fn is_connect(old: SocketState, role: Role) -> bool {
    old == SocketState::SynSent || (old == SocketState::SynRecv && role == Role::Client)
}

/// Why an established connection ended.
fn close_reason(old: SocketState, err: u16, row: &Row) -> CloseReason {
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
fn connect_failure(err: u16, local_port: u16, old: SocketState) -> ConnectFailure {
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
