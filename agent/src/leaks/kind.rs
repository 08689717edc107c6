//! The kinds of leaks, by state and stage of the connections.
//!
//! Used by `suspect`.

use catalogue::labels::{SocketState, Stage};

/// The kind of a leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CLOSE_WAIT, most of them read to the end: the close is missing.
    NeverClosed,
    /// CLOSE_WAIT, most of them with unread bytes: the process does not read.
    NeverRead,
    /// CLOSE_WAIT, most of them in the accept queue: the process does not accept.
    NeverAccepted,
    /// SYN_SENT: the peer does not answer.
    NoAnswer,
    /// FIN_WAIT2 with a descriptor.
    HalfClosed,
    /// FIN_WAIT1, LAST_ACK, CLOSING: the peer does not acknowledge.
    Unacknowledged,
}

impl Kind {
    /// Returns the kind of connections in a transient state. In CLOSE_WAIT it follows from the
    /// stage that most of them are in.
    pub(super) fn of(state: SocketState, stages: [u64; Stage::COUNT]) -> Self {
        let [unaccepted, unread, read] = stages;
        match state {
            SocketState::CloseWait if read >= unaccepted.max(unread) => Self::NeverClosed,
            SocketState::CloseWait if unread >= unaccepted => Self::NeverRead,
            SocketState::CloseWait => Self::NeverAccepted,
            SocketState::SynSent => Self::NoAnswer,
            SocketState::FinWait2 => Self::HalfClosed,
            _ => Self::Unacknowledged,
        }
    }

    /// Returns the text in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NeverClosed => "never_closed",
            Self::NeverRead => "never_read",
            Self::NeverAccepted => "never_accepted",
            Self::NoAnswer => "no_answer",
            Self::HalfClosed => "half_closed",
            Self::Unacknowledged => "unacknowledged",
        }
    }

    /// Returns what the kind means, as a sentence for people.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::NeverClosed => {
                "the peer closed, everything was read, and this side never closed: a descriptor \
                 leak"
            }
            Self::NeverRead => {
                "the peer closed, and nobody reads what it sent or the end of the stream: a stuck \
                 or lost reader"
            }
            Self::NeverAccepted => {
                "the peer came and went in the accept queue: the process does not accept"
            }
            Self::NoAnswer => {
                "the peer's host does not answer the SYN: wrong address, firewall, or host down"
            }
            Self::HalfClosed => {
                "this side closed its half and keeps the descriptor; the peer never closed"
            }
            Self::Unacknowledged => {
                "this side closed and the peer does not acknowledge it: peer or path gone"
            }
        }
    }

    /// Returns the weight for the score. It is largest if only the process can end the connections,
    /// and smallest if the kernel ends them after its last retransmit.
    pub(super) const fn weight(self) -> u64 {
        match self {
            Self::NeverClosed | Self::NeverRead | Self::NeverAccepted => 4,
            Self::NoAnswer => 3,
            Self::HalfClosed => 2,
            Self::Unacknowledged => 1,
        }
    }
}
