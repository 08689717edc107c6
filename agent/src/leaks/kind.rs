//! The kinds of leaks: what each means, how heavy it weighs, what to do next.
//!
//! Chosen by `judge`, shown by `suspect`.

use catalogue::labels::SocketState;

/// What is wrong with a group of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// CLOSE_WAIT, most of them read to the end: the close is missing.
    NeverClosed,
    /// The process does not read, in CLOSE_WAIT or in ESTABLISHED.
    NeverRead,
    /// The process does not accept.
    NeverAccepted,
    /// SYN_SENT: the peer does not answer.
    NoAnswer,
    /// FIN_WAIT2 with a descriptor.
    HalfClosed,
    /// The peer does not acknowledge data or the FIN.
    Unacknowledged,
    /// ESTABLISHED: connections are opened, used once and not given back.
    EstablishedGrowing,
    /// A client's idle connections that the server closed.
    PoolStale,
    /// ESTABLISHED and idle without keepalive: if the peer is gone, nothing will ever notice.
    IdleWithoutKeepalive,
    /// Subflows in ESTABLISHED of MPTCP connections in CLOSE_WAIT: the close is missing.
    MptcpCloseWait,
}

impl Kind {
    /// Every kind.
    #[cfg(test)]
    pub(super) const ALL: [Self; 10] = [
        Self::NeverClosed,
        Self::NeverRead,
        Self::NeverAccepted,
        Self::NoAnswer,
        Self::HalfClosed,
        Self::Unacknowledged,
        Self::EstablishedGrowing,
        Self::PoolStale,
        Self::IdleWithoutKeepalive,
        Self::MptcpCloseWait,
    ];

    /// Returns the text in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NeverClosed => "never_closed",
            Self::NeverRead => "never_read",
            Self::NeverAccepted => "never_accepted",
            Self::NoAnswer => "no_answer",
            Self::HalfClosed => "half_closed",
            Self::Unacknowledged => "unacknowledged",
            Self::EstablishedGrowing => "established_growing",
            Self::PoolStale => "pool_stale",
            Self::IdleWithoutKeepalive => "idle_without_keepalive",
            Self::MptcpCloseWait => "mptcp_close_wait",
        }
    }

    /// Returns what the kind means, as a sentence for people; `accuses` is false for a note.
    pub(super) const fn meaning(self, accuses: bool) -> &'static str {
        match self {
            Self::NeverClosed => {
                "the peer closed, everything was read, and this side never closed: a descriptor \
                 leak"
            }
            Self::NeverRead => {
                "nobody reads what the peer sent, or the end of the stream: a stuck or lost reader"
            }
            Self::NeverAccepted => {
                "connections wait in the accept queue: the process does not accept, or too slowly"
            }
            Self::NoAnswer => {
                "the peer's host does not answer the SYN: wrong address, firewall, or host down"
            }
            Self::HalfClosed => {
                "this side closed its half and keeps the descriptor; the peer never closed"
            }
            Self::Unacknowledged => {
                "the peer does not acknowledge what was sent: peer or path gone"
            }
            Self::EstablishedGrowing => {
                "connections are opened, used and not given back: a pool that only grows"
            }
            Self::PoolStale if accuses => {
                "the server closed connections that are not given back, and there are more and more"
            }
            Self::PoolStale => {
                "the server closed idle connections, as of a pool: harmless unless they grow"
            }
            Self::IdleWithoutKeepalive => {
                "idle connections without keepalive: if the peer is gone, nothing will ever notice"
            }
            Self::MptcpCloseWait => {
                "the peer closed the MPTCP connection and this side never did: a descriptor leak, \
                 or nobody reads up to the end; TCP's own state stays established"
            }
        }
    }

    /// Returns what to do next, as a sentence for people; `accuses` is false for a note.
    pub(super) const fn next_step(self, accuses: bool) -> &'static str {
        match self {
            Self::NeverClosed => {
                "find the code path that reads the end of the stream and does not close; a restart \
                 of the process frees the descriptors for now"
            }
            Self::NeverRead => {
                "look at what the process waits for (its threads' stacks): the reader hangs or is \
                 gone"
            }
            Self::NeverAccepted => {
                "look at what the process waits for (its threads' stacks), or which process \
                 inherited the listener: nobody calls accept"
            }
            Self::NoAnswer => "try the peer's address and port from this host; look at firewalls",
            Self::HalfClosed => "find out why the peer does not close, or close with a time-out",
            Self::Unacknowledged => {
                "see whether the peer is alive; TCP_USER_TIMEOUT ends such connections early"
            }
            Self::EstablishedGrowing => {
                "find where connections are opened and not given back to the pool or closed; limit \
                 the pool meanwhile"
            }
            Self::PoolStale if accuses => {
                "find where responses are not read to their end, or connections not given back"
            }
            Self::PoolStale => {
                "let the pool check or close connections that are idle for longer than the server \
                 keeps them"
            }
            Self::IdleWithoutKeepalive => "turn keepalive on, or close connections that are idle",
            Self::MptcpCloseWait => {
                "find the code path that does not close after the end of the stream, or does not \
                 read up to it; a restart of the process frees the descriptors for now"
            }
        }
    }

    /// Returns the name of the page in docs/runbooks about connections in `state`.
    pub(super) const fn runbook(self, state: SocketState) -> &'static str {
        match self {
            Self::NeverRead if matches!(state, SocketState::Established) => {
                "TcpReceiversNotReading"
            }
            Self::NeverAccepted if matches!(state, SocketState::Established) => "TcpUnaccepted",
            Self::NeverClosed | Self::NeverRead | Self::PoolStale | Self::MptcpCloseWait => {
                "TcpCloseWaitStuck"
            }
            Self::NeverAccepted => "TcpCloseWaitUnaccepted",
            Self::NoAnswer => "TcpConnectFailures",
            Self::HalfClosed => "TcpFinWait2Stuck",
            Self::Unacknowledged => "TcpPeersUnreachable",
            Self::EstablishedGrowing | Self::IdleWithoutKeepalive => "TcpEstablishedGrowing",
        }
    }

    /// Returns the weight for the score. It is largest if only the process can end the connections,
    /// and smallest if the kernel ends them after its last retransmit. A note has none.
    pub(super) const fn weight(self) -> u64 {
        match self {
            Self::NeverClosed | Self::NeverRead | Self::NeverAccepted | Self::MptcpCloseWait => 4,
            Self::NoAnswer | Self::EstablishedGrowing => 3,
            Self::HalfClosed => 2,
            Self::Unacknowledged | Self::PoolStale => 1,
            Self::IdleWithoutKeepalive => 0,
        }
    }
}
