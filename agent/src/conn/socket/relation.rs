//! How an observation stands to the row at its socket's address: a record before it was lost, or
//! the address belongs to another socket by now.
//!
//! Used by `observe`. Facts: a socket's states only move forward (callers of `tcp_set_state`,
//! 6.12); its address is used again within milliseconds of its end.

use catalogue::labels::{Correction, SocketState};

use super::observation::Observation;
use super::row::{MARGIN, Row, flag};
use crate::conn::nanos::Nanos;

/// How an observation stands to the row at its socket's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// There is no row, and the observation is the socket's birth.
    Birth,
    /// There is no row, and the socket's birth was not observed.
    Unseen,
    /// The record leaves the state that the row is in.
    InOrder,
    /// The row can have reached the observed state; the records between were lost.
    Skipped,
    /// The entry shows the row as it is.
    Confirmed,
    /// The entry was read before the row's last change: it tells only that the address is in use.
    Outdated,
    /// The observation is of another socket; the close of the row's socket was lost.
    OtherSocket,
}

impl Relation {
    /// Returns what the table has to correct. An unseen birth is a missed open only if the
    /// namespace of the socket was listed before.
    pub(crate) const fn correction(self) -> Option<Correction> {
        match self {
            Self::Birth | Self::InOrder | Self::Confirmed | Self::Outdated => None,
            Self::Unseen => Some(Correction::MissedOpen),
            Self::Skipped => Some(Correction::WrongState),
            Self::OtherSocket => Some(Correction::MissedClose),
        }
    }
}

/// Tells how an observation stands to the row at its socket's address.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
pub(crate) fn relation(row: &Row, observation: &Observation<'_>) -> Relation {
    let birth = observation.is_birth();
    if !row.has(flag::LIVE) {
        return if birth { Relation::Birth } else { Relation::Unseen };
    }
    let same_ends = row.has_ends(observation.ends());
    let state = match *observation {
        Observation::Transition { old, .. } => old,
        Observation::Close { old, .. } => Some(old),
        Observation::Listed { state, entry } => {
            let (read, lower_bound) = (Nanos::new(entry.time), row.has(flag::ENTERED_BEFORE));
            if same_ends && state == row.state && (lower_bound || read >= row.entered) {
                return Relation::Confirmed;
            }
            if !lower_bound && row.entered.saturating_add(MARGIN) > read {
                return Relation::Outdated;
            }
            Some(state)
        }
    };
    match state {
        _ if birth || !same_ends => Relation::OtherSocket,
        Some(state) if state == row.state => Relation::InOrder,
        Some(state) if can_reach(row.state, state) => Relation::Skipped,
        _ => Relation::OtherSocket,
    }
}

/// Returns whether a live socket in this state has been through a handshake.
pub(super) const fn is_connected(state: SocketState) -> bool {
    !matches!(state, SocketState::SynSent | SocketState::SynRecv | SocketState::Listen)
}

/// Returns whether a socket in `from` can be in `to` later, without having been closed in between.
const fn can_reach(from: SocketState, to: SocketState) -> bool {
    use SocketState::{
        CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
    };
    match from {
        SynSent => matches!(to, SynRecv) || is_connected(to),
        SynRecv => is_connected(to),
        Established => is_connected(to) && !matches!(to, Established),
        FinWait1 => matches!(to, FinWait2 | Closing),
        CloseWait => matches!(to, LastAck),
        FinWait2 | LastAck | Closing | Listen => false,
    }
}
