//! The closed sets behind the labels: roles, states, reasons, phases and kinds, each with the text
//! that stands in metrics, JSON and tables.
//!
//! Used by the connection table to count and by every view to print; a set grows here and nowhere
//! else.

use agent_common::tcp;

/// The label value for every process, workload and port beyond the label budget. No process and no
/// cgroup can have it: the agent replaces a leading `~` of a name from outside.
pub const OTHER: &str = "~other";

/// Declares a closed set of label values: the enum, all its members in order, their texts and
/// indices.
macro_rules! label_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every member, in the order of [`Self::index`].
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// How many members there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The text that stands in labels and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The position in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label_set! {
    /// Which side of the connection the socket is.
    Role {
        /// It connected (active open, RFC 9293).
        Client = "client",
        /// It listens, or was accepted from a listener (passive open).
        Server = "server",
        /// Its birth was not seen.
        Unknown = "unknown",
    }
}

label_set! {
    /// Why an established connection ended.
    CloseReason {
        /// This side sent the first FIN.
        FinLocal = "fin_local",
        /// The peer sent the first FIN.
        FinRemote = "fin_remote",
        /// Both sent a FIN before either saw the other's.
        Simultaneous = "simultaneous",
        /// The peer reset it, before either side had sent a FIN.
        RstReceived = "rst_received",
        /// This side aborted it before either side had sent a FIN: linger 0, unread data at close,
        /// disconnect.
        RstSent = "rst_sent",
        /// A reset of either side after the first FIN: one side had already sent all its data.
        /// Common where a TLS peer closes without waiting for the other's last record.
        RstAfterFin = "rst_after_fin",
        /// The peer stopped answering.
        Timeout = "timeout",
        /// Anything else, such as `SOCK_DESTROY`.
        Other = "other",
    }
}

label_set! {
    /// Why a connect failed.
    ConnectFailure {
        /// The peer answered with a reset.
        Refused = "refused",
        /// No answer within the kernel's timeout.
        TimedOut = "timed_out",
        /// No route on the way or no neighbour.
        HostUnreachable = "host_unreachable",
        /// No route at all, told by a router.
        NetUnreachable = "net_unreachable",
        /// Reset after the handshake had begun.
        Reset = "reset",
        /// The program gave up: it closed the socket while the SYN was under way.
        Canceled = "canceled",
        /// No local port was left (`EADDRNOTAVAIL`): no SYN was sent.
        NoLocalPort = "no_local_port",
        /// Anything else.
        Other = "other",
    }
}

label_set! {
    /// In which part of its life a connection retransmits.
    Phase {
        /// The SYN of a connect.
        Syn = "syn",
        /// Data of an established connection (and of one that the peer has closed).
        Established = "established",
        /// After this side's FIN.
        Closing = "closing",
    }
}

label_set! {
    /// What made the kernel retransmit.
    RetransmitKind {
        /// The retransmission timer, or the recovery after it.
        Timeout = "timeout",
        /// Fast retransmit: duplicate acknowledgements, SACK or RACK.
        Fast = "fast",
        /// A tail loss probe.
        Probe = "probe",
        /// The kernel did not tell.
        Other = "other",
    }
}

label_set! {
    /// Why a retransmission could not be sent.
    RetransmitError {
        /// The segment still waits in this host's queue (`EBUSY`): it was not tried.
        Busy = "busy",
        /// The peer's window is closed (`EAGAIN`): it was not tried.
        Window = "window",
        /// A local firewall refused it (`EPERM`).
        Denied = "denied",
        /// No buffer or memory (`ENOBUFS`, `ENOMEM`).
        NoBuffer = "no_buffer",
        /// No route or neighbour (`EHOSTUNREACH`, `ENETUNREACH`).
        Unreachable = "unreachable",
        /// Anything else.
        Other = "other",
    }
}

impl RetransmitError {
    /// The reason behind a negative error number.
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
    /// How far the application has come with a connection that the peer has closed.
    Stage {
        /// It has not accepted it: the listener is stuck.
        Unaccepted = "unaccepted",
        /// It has not read up to the end of file: the reader is stuck.
        Unread = "unread",
        /// There is nothing left to read: the close was forgotten.
        Read = "read",
    }
}

label_set! {
    /// What a reconcile pass, or a record that did not fit its row, had to correct.
    Correction {
        /// A socket that the table did not have.
        MissedOpen = "missed_open",
        /// A row whose socket is gone.
        MissedClose = "missed_close",
        /// A row that was in another state.
        WrongState = "wrong_state",
    }
}

label_set! {
    /// The states of a socket as gauges know them. `time_wait` and request sockets have no row.
    SocketState {
        /// SYN sent, no answer yet.
        SynSent = "syn_sent",
        /// SYN-ACK sent (a child of a listener, simultaneous open, fast open).
        SynRecv = "syn_recv",
        /// Open.
        Established = "established",
        /// FIN sent.
        FinWait1 = "fin_wait1",
        /// FIN acknowledged, the peer has not closed.
        FinWait2 = "fin_wait2",
        /// The peer closed, this side has not.
        CloseWait = "close_wait",
        /// Both closed, the last acknowledgement is missing.
        LastAck = "last_ack",
        /// Both closed at once.
        Closing = "closing",
        /// Waits for connections.
        Listen = "listen",
    }
}

impl SocketState {
    /// The state behind a kernel code; none for CLOSE, for the small sockets (TIME_WAIT,
    /// NEW_SYN_RECV) and for codes that no kernel has.
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

    /// Whether a socket that stays in this state is suspected to be stuck or leaked.
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

/// The text of any kernel state code, as in metrics and JSON; `unknown` for codes that no kernel
/// has.
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
