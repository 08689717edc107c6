//! What passes gather besides states, as a view is shown it: queues, listeners, ports, processes.

use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;

/// Queues, listeners, ports and processes, as of the last pass.
#[derive(Clone, Debug, Default)]
pub struct Pressure {
    /// Listeners by process, workload and port.
    pub listeners: Vec<Listener>,
    /// Ports by network namespace.
    pub ports: Vec<PortUse>,
    /// The destinations that have taken most of their ports, the worst first; at most 20.
    pub destinations: Vec<Destination>,
    /// What the network namespaces count themselves.
    pub netstat: Vec<Netstat>,
    /// Processes that own TCP sockets, with their descriptors: at most 2048, those with the most
    /// sockets.
    pub processes: Vec<OwnerProcess>,
    /// Memory and settings.
    pub host: Host,
}

/// The listeners of one process in one workload on one port, summed over `SO_REUSEPORT`, addresses
/// and network namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Command name; `~other` beyond the budget.
    pub process: Arc<str>,
    /// Workload name; `~other` beyond the budget.
    pub workload: Arc<str>,
    /// Port; `None` beyond the budget.
    pub port: Option<u16>,
    /// Listeners now; 0 if only the count of their drops is left.
    pub sockets: u64,
    /// Connections that wait to be accepted.
    pub backlog: u64,
    /// Sum of the limits of their accept queues. The kernel admits one more to each.
    pub limit: u64,
    /// Handshakes that are not finished.
    pub syn_queue: u64,
    /// Fill ratio of the fullest accept queue among them; 1 is full.
    pub fullest: f64,
    /// Connections dropped since the agent started.
    pub drops: u64,
}

/// The ports of one network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortUse {
    /// Inode of the namespace; 0 stands for the worst of those beyond the bound.
    pub netns: u32,
    /// Ports taken for the destination that has taken the most.
    pub used: u32,
    /// Ports available for one destination.
    pub range: u32,
}

impl PortUse {
    /// Returns the share that is taken, from 0 to 1.
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
    /// Ports taken for it.
    pub used: u32,
    /// Ports taken by sockets in TIME_WAIT, orphaned FIN_WAIT2 included.
    pub time_wait: u32,
    /// Ports available for it.
    pub range: u32,
    /// `tcp_tw_reuse` of the namespace. If it is 1, a port in TIME_WAIT may be taken again after a
    /// second.
    pub tw_reuse: Option<u64>,
}

impl Destination {
    /// Returns the share that is taken, from 0 to 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        f64::from(self.used) / f64::from(self.range.max(1))
    }

    /// Returns a key that orders equals.
    pub(crate) const fn order(&self) -> (u32, Ipv6Addr, u16, Ipv6Addr) {
        (self.netns, self.peer, self.peer_port, self.local)
    }
}

/// What one network namespace counted since the agent started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netstat {
    /// Inode of the namespace; 0 stands for those beyond the bound.
    pub netns: u32,
    /// Handshakes that ended because the accept queue was full (`ListenOverflows`).
    pub overflows: u64,
    /// Connections that listeners dropped for any reason (`ListenDrops`).
    pub drops: u64,
    /// Segments sent (`OutSegs`): pure acknowledgements count, retransmitted segments do not.
    pub segments_sent: u64,
}

/// A process that owns TCP sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerProcess {
    /// Process id in the initial pid namespace.
    pub tgid: u32,
    /// Process name that its sockets are counted under.
    pub process: Arc<str>,
    /// Workload name.
    pub workload: Arc<str>,
    /// TCP sockets that it owns.
    pub sockets: u64,
    /// Its descriptors, if they have been read.
    pub descriptors: Option<Descriptors>,
}
