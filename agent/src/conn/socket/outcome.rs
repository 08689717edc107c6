//! What follows from an observation, as data: what the caller has to count, attribute, store or
//! remove.
//!
//! Returned by `observe`; applied by `apply` for records and for entries of the kernel's list.

use catalogue::labels::{CloseReason, ConnectFailure, Role, SocketState};

use super::relation::Relation;
use crate::conn::nanos::Nanos;

/// What follows from one observation of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How the observation stands to the row; it says what to correct.
    pub(crate) relation: Relation,
    /// The stay in the state that the socket left, if its beginning and its end were observed.
    pub(crate) stay: Option<Stay>,
    /// How the connection counts as open, if it does so from now on.
    pub(crate) opening: Option<Opening>,
    /// How the socket ended, if it did: then its row has to go.
    pub(crate) ending: Option<Ending>,
    /// Whether the row takes role and owner from the listener behind it, if there is one.
    pub(crate) inherits: bool,
}

/// A stay in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// The socket's side, as far as it was known then.
    pub(crate) role: Role,
    /// The state.
    pub(crate) state: SocketState,
    /// How long the stay was.
    pub(crate) lasted: Nanos,
}

/// How a connection comes to count as open, which it does once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The end of its handshake was observed. `connect` is the time since its SYN, if this side
    /// sent that and it was observed.
    Seen { connect: Option<Nanos> },
    /// Its birth was observed, the end of its handshake was not.
    Missed,
    /// Neither was observed. It counts as adopted if its namespace was not listed before, because
    /// it may be older than the agent; else as opened.
    Found,
}

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A connection ended. `lasted` is the time since it opened, if that was observed.
    Closed { reason: CloseReason, lasted: Option<Nanos> },
    /// A connect came to nothing.
    Failed(ConnectFailure),
    /// The socket counts nowhere: a listener, a child that died in its handshake, a connect whose
    /// outcome was not observed.
    Uncounted,
}
