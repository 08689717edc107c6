//! The state machine of one socket: a row and an observation in, the next row and what follows
//! from it out.
//!
//! Called by `apply` for records and for entries of the kernel's list. Guarantees: the outcome
//! depends on the row and the observation only, on no clock and no collection; any observation
//! fits any row; the row keeps its rules ([`Row::broken_rule`]). `tests/state_machine.txt` says
//! what comes of every state, observation and flag that matters.

use catalogue::labels::{Role, SocketState};

use super::attribution::Attribution;
use super::ending::{ending, missed};
use super::observation::Observation;
use super::outcome::{Opening, Outcome, Stay};
use super::queues::Queues;
use super::relation::{Relation, is_connected, relation};
use super::row::{Row, flag};
use crate::conn::nanos::Nanos;

/// Takes an observation into the row at its socket's address and returns what follows.
///
/// If that address has no row, the caller passes [`Row::ABSENT`] and stores what it becomes, unless
/// the socket has ended. A row of another socket stays as it is: the caller removes it and observes
/// again, without a row.
#[expect(
    clippy::inline_always,
    reason = "each caller has one kind of observation: the others fold"
)]
#[inline(always)]
pub(crate) fn observe(row: &mut Row, observation: &Observation<'_>) -> Outcome {
    row.assert_rules();
    let relation = relation(row, observation);
    let mut outcome = Outcome {
        relation,
        stay: stay(row, observation, relation),
        opening: None,
        ending: None,
        inherits: false,
    };
    match relation {
        Relation::OtherSocket => {
            outcome.ending = Some(missed(row));
            return outcome;
        }
        Relation::Outdated => {}
        Relation::Confirmed => confirm(row, observation),
        Relation::Birth | Relation::Unseen => {
            *row = first_row(observation, relation);
            enter(row, observation);
        }
        Relation::InOrder | Relation::Skipped => {
            row.take_ends(observation.ends());
            enter(row, observation);
        }
    }
    outcome.opening = open(row, observation);
    outcome.ending = match *observation {
        Observation::Close { record, .. } => Some(ending(row, record)),
        _ => None,
    };
    outcome.inherits = inherits(row, observation, relation);
    row.assert_rules();
    outcome
}

/// Returns the row of a socket that had none.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn first_row(observation: &Observation<'_>, relation: Relation) -> Row {
    let (ends, time) = (observation.ends(), observation.time());
    let mut row = Row::new(ends, observation.state(), observation.role(), time);
    if relation == Relation::Unseen {
        row.flags |= flag::BORN_BEFORE;
    }
    row
}

/// Puts the row into the state that is observed.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn enter(row: &mut Row, observation: &Observation<'_>) {
    row.state = observation.state();
    match *observation {
        Observation::Transition { new, record, .. } => {
            row.entered = Nanos::new(record.time);
            row.flags &= !flag::ENTERED_BEFORE;
            row.queues.moved(record.flags, new);
            row.take_flags(record.flags);
        }
        Observation::Close { .. } => {}
        Observation::Listed { entry, .. } => {
            row.entered = Nanos::new(entry.time);
            row.flags |= flag::ENTERED_BEFORE;
            row.queues = Queues::listed(entry);
            row.take_flags(entry.flags);
        }
    }
    row.flags |= fins(row.state);
}

/// Takes what only an entry of the list tells of a row that has not changed.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn confirm(row: &mut Row, observation: &Observation<'_>) {
    let Observation::Listed { entry, .. } = *observation else { return };
    if row.local_port == 0 {
        // The kernel chooses a port after it has told the state: SYN_SENT (`tcp_v4_connect`,
        // 6.18), and LISTEN of a socket that was not bound (`inet_csk_listen_start`, 6.18).
        row.take_ends(&entry.ends);
    }
    row.queues = Queues::listed(entry);
    row.take_flags(entry.flags);
}

/// Returns who has sent a FIN, as far as a state tells: as bits of [`Row::flags`].
const fn fins(state: SocketState) -> u8 {
    match state {
        SocketState::FinWait1 | SocketState::FinWait2 => flag::FIN_LOCAL,
        SocketState::CloseWait | SocketState::LastAck => flag::FIN_REMOTE,
        SocketState::Closing => flag::FIN_LOCAL | flag::FIN_REMOTE,
        _ => 0,
    }
}

/// Returns the stay in the state that a record leaves, if its beginning was observed. An entry of
/// the list does not tell when a state was left.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn stay(row: &Row, observation: &Observation<'_>, relation: Relation) -> Option<Stay> {
    if relation != Relation::InOrder || row.has(flag::ENTERED_BEFORE) {
        return None;
    }
    let lasted = observation.time().saturating_sub(row.entered);
    Some(Stay { role: row.role, state: row.state, lasted })
}

/// Counts the connection as open, once, as soon as a state shows that its handshake is over.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn open(row: &mut Row, observation: &Observation<'_>) -> Option<Opening> {
    if !is_connected(row.state) || row.has(flag::CONNECTED) {
        return None;
    }
    row.flags |= flag::CONNECTED;
    let born_before = row.has(flag::BORN_BEFORE);
    if !observation.is_opening() {
        return Some(if born_before { Opening::Found } else { Opening::Missed });
    }
    row.opened_at(observation.time());
    let connects = row.role == Role::Client && !born_before;
    let connect = connects.then(|| observation.time().saturating_sub(row.born));
    Some(Opening::Seen { connect })
}

/// Returns whether the row takes role and owner from the listener behind it, if there is one.
#[expect(clippy::inline_always, reason = "part of `observe`")]
#[inline(always)]
fn inherits(row: &Row, observation: &Observation<'_>, relation: Relation) -> bool {
    let unowned = row.attribution == Attribution::None;
    match relation {
        // The entry that corrects a state leaves the owner to the next one.
        Relation::Skipped if observation.is_listed() => false,
        Relation::OtherSocket => false,
        Relation::Confirmed | Relation::Outdated => {
            row.role == Role::Unknown || row.waits() || (row.role == Role::Server && unowned)
        }
        Relation::Birth | Relation::Unseen | Relation::InOrder | Relation::Skipped => {
            unowned && row.role != Role::Client && row.state != SocketState::Listen
        }
    }
}
