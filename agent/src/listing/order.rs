//! The orders in which connections can be listed.
//!
//! Read from a query's parameters, used by `select`.

/// Declares an enum whose variants have a text each.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every variant with its text.
            pub(crate) const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];
        }
    };
}

choices! {
    /// The key by which connections are sorted.
    Sort {
        /// The time in the current state.
        Age = "age",
        /// The time since the socket was created.
        ConnectionAge = "connection_age",
        /// The time without data, as of the last pass; what is not known comes after all others.
        Idle = "idle",
        /// The process name.
        Process = "process",
        /// The process id.
        Pid = "pid",
        /// The name of the state.
        State = "state",
        /// The service port.
        Port = "port",
        /// The number of retransmitted segments.
        Retransmitted = "retransmitted",
        /// The bytes that are not read; of a listener, the connections in its accept queue.
        ReceiveQueue = "receive_queue",
        /// The local address, then the local port.
        Local = "local",
        /// The peer's address, then its port.
        Peer = "peer",
    }
}

choices! {
    /// The direction.
    Order {
        /// Smallest, youngest or first in the alphabet first.
        Ascending = "asc",
        /// Largest, oldest or last first.
        Descending = "desc",
    }
}

impl Sort {
    /// Returns the direction if none is given: the largest ages and counts first, everything else
    /// in ascending order.
    pub(crate) const fn natural(self) -> Order {
        match self {
            Self::Age
            | Self::ConnectionAge
            | Self::Idle
            | Self::Retransmitted
            | Self::ReceiveQueue => Order::Descending,
            Self::Process | Self::Pid | Self::State | Self::Port | Self::Local | Self::Peer => {
                Order::Ascending
            }
        }
    }
}
