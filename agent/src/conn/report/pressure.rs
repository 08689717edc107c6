//! What passes gather besides states, as a view is shown it: queues, listeners, ports, processes.

use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;

/// What a view is shown of all this.
#[derive(Clone, Debug, Default)]
pub struct Pressure {
    /// Listeners, by process and port.
    pub listeners: Vec<Listener>,
    /// Ports, by network namespace.
    pub ports: Vec<PortUse>,
    /// The destinations that have taken most of their ports, the worst first; at most 20.
    pub destinations: Vec<Destination>,
    /// What the network namespaces count themselves.
    pub netstat: Vec<Netstat>,
    /// Processes that own TCP sockets, with their descriptors; at most 2048, those with the most
    /// sockets.
    pub processes: Vec<OwnerProcess>,
    /// Memory and settings.
    pub host: Host,
}

/// The listeners of one process in one workload on one port, summed: `SO_REUSEPORT`, several
/// addresses, several namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Command name, `~other` beyond the budget.
    pub process: Arc<str>,
    /// Its workload, `~other` beyond the budget.
    pub workload: Arc<str>,
    /// `None` beyond the budget.
    pub port: Option<u16>,
    /// How many listeners there are now; 0 where only the count of what they dropped is left.
    pub sockets: u64,
    /// Connections that wait to be accepted.
    pub backlog: u64,
    /// The limits of their queues; the kernel takes one more each.
    pub limit: u64,
    /// Handshakes that are not finished.
    pub syn_queue: u64,
    /// How full the fullest of them is; 1 is full.
    pub fullest: f64,
    /// Dropped since the agent started.
    pub drops: u64,
    /// Connections in any state that were not accepted.
    pub unaccepted: u64,
    /// When the handshake of the oldest of them was over, `CLOCK_MONOTONIC` nanoseconds.
    pub oldest_unaccepted: Option<u64>,
}

/// The ports of one network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortUse {
    /// Inode of the namespace; 0 for the worst of those beyond the bound.
    pub netns: u32,
    /// Ports taken for the destination for which most are.
    pub used: u32,
    /// Ports that there are for a destination.
    pub range: u32,
}

impl PortUse {
    /// The share that is taken; 1 is none left.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        f64::from(self.used) / f64::from(self.range.max(1))
    }
}

/// A destination of connections from one local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Inode of the network namespace.
    pub netns: u32,
    /// Local address; IPv4 as v4-mapped.
    pub local: Ipv6Addr,
    /// Peer address; IPv4 as v4-mapped.
    pub peer: Ipv6Addr,
    /// Peer port.
    pub peer_port: u16,
    /// Ports taken.
    pub used: u32,
    /// Those of them that are in TIME_WAIT, orphaned FIN_WAIT2 included.
    pub time_wait: u32,
    /// Ports that there are.
    pub range: u32,
    /// `tcp_tw_reuse` of the namespace: with 1 a port in TIME_WAIT may be taken again after a
    /// second.
    pub tw_reuse: Option<u64>,
}

impl Destination {
    /// The share that is taken; 1 is none left.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        f64::from(self.used) / f64::from(self.range.max(1))
    }

    /// An order among equals.
    pub(crate) const fn order(&self) -> (u32, Ipv6Addr, u16, Ipv6Addr) {
        (self.netns, self.peer, self.peer_port, self.local)
    }
}

/// What one network namespace counted since the agent started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netstat {
    /// Inode of the namespace; 0 for those beyond the bound.
    pub netns: u32,
    /// Handshakes that ended because the accept queue was full (`ListenOverflows`).
    pub overflows: u64,
    /// All that listeners dropped (`ListenDrops`).
    pub drops: u64,
    /// Segments sent, pure acknowledgements among them, retransmitted ones not (`OutSegs`).
    pub segments_sent: u64,
}

/// A process that owns TCP sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerProcess {
    /// Its id.
    pub tgid: u32,
    /// The name under which its sockets stand.
    pub process: Arc<str>,
    /// Its workload.
    pub workload: Arc<str>,
    /// TCP sockets that it owns.
    pub sockets: u64,
    /// Its descriptors, where they have been read.
    pub descriptors: Option<Descriptors>,
}
