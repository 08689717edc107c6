//! Declares the closed sets behind the labels: roles, states, reasons, phases and kinds, each with
//! the text that metrics, JSON and tables show.
//!
//! The connection table counts by these sets and every view prints them. A set grows here and
//! nowhere else.

use agent_common::tcp;

/// `OTHER` is the label value of every process, workload and port beyond the label budget. No
/// process and no cgroup can have it: the agent replaces a leading `~` of a name from outside.
pub const OTHER: &str = "~other";

/// `YOUNG` is the label value of the processes and workloads whose names are too young for a label
/// of their own. No process and no cgroup can have it, as with [`OTHER`].
pub const YOUNG: &str = "~young";

/// Declares a closed set of label values: the enum, all its members in order, their texts and
/// indices.
macro_rules! label_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// `ALL` has every member, in the order of [`Self::index`].
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// `COUNT` is the number of members.
            pub const COUNT: usize = Self::ALL.len();

            /// Returns the text that labels and JSON show.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Returns the position in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label_set! {
    /// `Role` says which side of the connection the socket is.
    Role {
        /// The socket connected (active open, RFC 9293).
        Client = "client",
        /// The socket listens, or a listener accepted it (passive open).
        Server = "server",
        /// The agent did not see the socket's birth.
        Unknown = "unknown",
    }
}

label_set! {
    /// `CloseReason` says why an established connection ended.
    CloseReason {
        /// This side sent the first FIN.
        FinLocal = "fin_local",
        /// The peer sent the first FIN.
        FinRemote = "fin_remote",
        /// Both sides sent a FIN before either saw the other's.
        Simultaneous = "simultaneous",
        /// The peer reset the connection before either side had sent a FIN.
        RstReceived = "rst_received",
        /// This side aborted the connection before either side had sent a FIN: linger 0, unread
        /// data at close, or disconnect.
        RstSent = "rst_sent",
        /// Either side reset the connection after the first FIN: one side had already sent all its
        /// data. This is common if a TLS peer closes without waiting for the other's last record.
        RstAfterFin = "rst_after_fin",
        /// The peer stopped answering.
        Timeout = "timeout",
        /// Something else ended it, such as `SOCK_DESTROY`.
        Other = "other",
    }
}

label_set! {
    /// `ConnectFailure` says why a connect failed.
    ConnectFailure {
        /// The peer answered with a reset, or a firewall in its place (port unreachable).
        Refused = "refused",
        /// No answer came within the kernel's timeout.
        TimedOut = "timed_out",
        /// A router on the way had no route or refused, or the neighbour did not answer.
        HostUnreachable = "host_unreachable",
        /// A router reported that it has no route to the network.
        NetUnreachable = "net_unreachable",
        /// A reset came after the handshake had begun.
        Reset = "reset",
        /// The program closed the socket while the SYN was under way and no error was noted.
        Canceled = "canceled",
        /// No local port was left (`EADDRNOTAVAIL`): no SYN was sent.
        NoLocalPort = "no_local_port",
        /// Anything else.
        Other = "other",
    }
}

label_set! {
    /// `Phase` says in which part of its life a connection retransmits.
    Phase {
        /// The connection retransmits the SYN of a connect.
        Syn = "syn",
        /// The connection is established, or the peer has closed it.
        Established = "established",
        /// This side has sent its FIN.
        Closing = "closing",
    }
}

label_set! {
    /// `RetransmitKind` says what made the kernel retransmit.
    RetransmitKind {
        /// The retransmission timer expired, or the kernel recovers after it.
        Timeout = "timeout",
        /// Duplicate acknowledgements, SACK or RACK caused a fast retransmit.
        Fast = "fast",
        /// The kernel sent a tail loss probe.
        Probe = "probe",
        /// The kernel did not report the cause.
        Other = "other",
    }
}

label_set! {
    /// `RetransmitError` says why the kernel could not send a retransmission.
    RetransmitError {
        /// The segment still waits in this host's queue (`EBUSY`): the kernel did not try.
        Busy = "busy",
        /// The peer's window is closed (`EAGAIN`): the kernel did not try.
        Window = "window",
        /// A local firewall refused the segment (`EPERM`).
        Denied = "denied",
        /// The kernel had no buffer or memory (`ENOBUFS`, `ENOMEM`).
        NoBuffer = "no_buffer",
        /// The kernel had no route or neighbour (`EHOSTUNREACH`, `ENETUNREACH`).
        Unreachable = "unreachable",
        /// Anything else.
        Other = "other",
    }
}

impl RetransmitError {
    /// Returns the reason behind a negative error number.
    #[must_use]
    pub const fn from_errno(error: i16) -> Self {
        match -(error as i32) {
            16 => Self::Busy,
            11 => Self::Window,
            1 => Self::Denied,
            105 | 12 => Self::NoBuffer,
            113 | 101 => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

label_set! {
    /// `Stage` says how far the application has come with a connection that the peer has closed.
    Stage {
        /// The application has not accepted the connection: the listener is stuck.
        Unaccepted = "unaccepted",
        /// The application has not read up to the end of file: the reader is stuck.
        Unread = "unread",
        /// The application has read everything: it forgot to close.
        Read = "read",
    }
}

label_set! {
    /// `Correction` says what a reconcile pass, or a record that did not fit its row, had to
    /// correct.
    Correction {
        /// The table did not have a row for the socket.
        MissedOpen = "missed_open",
        /// The table had a row whose socket is gone.
        MissedClose = "missed_close",
        /// The row and its socket were in different states.
        WrongState = "wrong_state",
    }
}

label_set! {
    /// `SocketState` has the states that gauges count. TIME_WAIT and request sockets have no row.
    SocketState {
        /// This side sent a SYN and has no answer yet.
        SynSent = "syn_sent",
        /// This side sent a SYN-ACK (a listener's child, simultaneous open, fast open).
        SynRecv = "syn_recv",
        /// The connection is open in both directions.
        Established = "established",
        /// This side sent its FIN.
        FinWait1 = "fin_wait1",
        /// The peer acknowledged this side's FIN and has not closed.
        FinWait2 = "fin_wait2",
        /// The peer closed and this side has not.
        CloseWait = "close_wait",
        /// Both sides closed, and the last acknowledgement is missing.
        LastAck = "last_ack",
        /// Both sides closed at once.
        Closing = "closing",
        /// The socket waits for connections.
        Listen = "listen",
    }
}

impl SocketState {
    /// Returns the state of a kernel code. There is none for CLOSE, for the small sockets
    /// (TIME_WAIT, NEW_SYN_RECV) and for codes that no kernel has.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            tcp::ESTABLISHED => Self::Established,
            tcp::SYN_SENT => Self::SynSent,
            tcp::SYN_RECV => Self::SynRecv,
            tcp::FIN_WAIT1 => Self::FinWait1,
            tcp::FIN_WAIT2 => Self::FinWait2,
            tcp::CLOSE_WAIT => Self::CloseWait,
            tcp::LAST_ACK => Self::LastAck,
            tcp::LISTEN => Self::Listen,
            tcp::CLOSING => Self::Closing,
            _ => return None,
        })
    }

    /// Returns whether a socket that stays in this state is suspected to be stuck or leaked.
    #[must_use]
    pub const fn can_leak(self) -> bool {
        matches!(
            self,
            Self::SynSent
                | Self::FinWait1
                | Self::FinWait2
                | Self::CloseWait
                | Self::LastAck
                | Self::Closing
        )
    }
}

/// Returns the text of a kernel state code, as in metrics and JSON. It is `unknown` for codes that
/// no kernel has.
#[must_use]
pub const fn state_name(code: u8) -> &'static str {
    match code {
        tcp::CLOSE => "close",
        tcp::TIME_WAIT => "time_wait",
        tcp::NEW_SYN_RECV => "new_syn_recv",
        _ => match SocketState::from_code(code) {
            Some(state) => state.as_str(),
            None => "unknown",
        },
    }
}
