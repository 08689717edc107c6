//! What the passes gather besides states: queues, listeners, ports, processes; with what the
//! reconcile thread has read of `/proc`. Kept in the table so that a view reads memory only.
//!
//! Used by the pass and by `view`. Everything here is as of the last pass.

use std::net::Ipv6Addr;
use std::sync::Arc;

use agent_common::record::Socket;
use agent_common::tcp;
use hashbrown::HashMap;

use super::destinations::Destinations;
use super::listening::{Extra, Listening};
use super::netstat::NetstatCounts;
use super::pass::Pass;
use super::rows::Row;
use super::table::{Limits, Table};
use super::verdict::Covered;
use crate::pressure::descriptors::{self, Descriptors};
use crate::pressure::host::Host;
use crate::pressure::netns::{Counters, Facts};

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
    pub(super) const fn order(&self) -> (u32, Ipv6Addr, u16, Ipv6Addr) {
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
    /// Segments sent, pure acknowledgements among them, those sent again not (`OutSegs`).
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

/// What the table keeps from pass to pass.
pub(super) struct Kept {
    listening: Listening,
    netstat: NetstatCounts,
    ports: (Vec<PortUse>, Vec<Destination>),
    processes: Vec<OwnerProcess>,
    descriptors: HashMap<u32, Descriptors>,
    host: Host,
}

/// What one pass has gathered so far.
#[derive(Default)]
pub(super) struct Gathered {
    destinations: Destinations,
    listeners: HashMap<u64, Extra>,
    netstat: Vec<(u32, Counters)>,
    home: Option<u32>,
}

impl Gathered {
    /// What the list told of a listener that the pass with this number saw.
    fn extra(&self, row: &Row, generation: u8) -> Option<Extra> {
        self.listeners
            .get(&row.sk)
            .copied()
            .filter(|extra| row.seen == generation && extra.is_of(row))
    }
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            listening: Listening::new(limits.services),
            netstat: NetstatCounts::new(limits.namespaces),
            ports: Default::default(),
            processes: Vec::new(),
            descriptors: HashMap::new(),
            host: Host::default(),
        }
    }
}

impl Table {
    /// Takes what a network namespace tells of itself; before the entries of its list. The first
    /// one of a pass is the agent's own.
    pub fn pass_facts(&mut self, facts: Facts) {
        let Some(pass) = &mut self.pass else { return };
        let gathered = &mut pass.gathered;
        gathered.home.get_or_insert(facts.netns);
        gathered.netstat.extend(facts.counters.map(|counters| (facts.netns, counters)));
        gathered.destinations.know(facts);
    }

    /// The processes whose descriptors are worth a look, as of the last pass. None where the kernel
    /// knows the caller under another number than it knows itself: then `/proc` is another
    /// process namespace's.
    #[must_use]
    pub fn owners(&self, caller: u32) -> Vec<u32> {
        if caller != self.reader {
            return Vec::new();
        }
        self.kept.processes.iter().map(|process| process.tgid).collect()
    }

    /// Takes what was read of the host and of [`Self::owners`].
    pub fn take_readings(&mut self, host: Host, descriptors: impl Iterator<Item = Descriptors>) {
        self.kept.host = host;
        self.kept.descriptors = descriptors.map(|read| (read.tgid, read)).collect();
    }

    /// Gathers from an entry what is not a matter of its row.
    pub(super) fn gather(&mut self, entry: &Socket) {
        let Some(pass) = &mut self.pass else { return };
        let gathered = &mut pass.gathered;
        if entry.state == tcp::LISTEN {
            if gathered.listeners.len() < self.limits.connections {
                gathered.listeners.insert(
                    entry.ends.sk,
                    Extra { syn_queue: entry.syn_queue, drops: entry.drops, time: entry.time },
                );
            }
            return;
        }
        // What came from a listener has the listener's port, and no other connection is given that.
        if gathered.destinations.concerns(entry)
            && !self.listeners.has(entry.ends.netns, entry.ends.local_port)
        {
            gathered.destinations.count(entry);
        }
    }

    /// Shows what a pass has gathered, with what its rows add up to.
    pub(super) fn sum_up(&mut self, pass: &mut Pass, covered: &Covered) {
        let (gathered, sums) = (std::mem::take(&mut pass.gathered), std::mem::take(&mut pass.sums));
        let Self { rows, groups, kept, .. } = self;
        for (netns, counters) in &gathered.netstat {
            kept.netstat.read(*netns, *counters, !self.seeded, &covered.namespaces);
        }
        let listening: Vec<_> =
            sums.listening(rows).map(|row| (row, gathered.extra(row, self.generation))).collect();
        groups.queue(sums.queued());
        kept.listening.renew(&listening, groups);
        let home = gathered.home.unwrap_or_default();
        kept.ports =
            gathered.destinations.publish(home, self.limits.namespaces, self.listeners.ports());
        let process = |(tgid, group, sockets)| {
            let (process, workload) = groups.labels(group);
            OwnerProcess { tgid, process, workload, sockets, descriptors: None }
        };
        kept.processes = sums.owners(descriptors::MOST).into_iter().map(process).collect();
    }

    /// The destinations that have taken most of their ports, the worst first; at most 20, as of the
    /// last pass.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        &self.kept.ports.1
    }

    /// What a view is shown.
    pub(super) fn pressure(&self) -> Pressure {
        let kept = &self.kept;
        let with = |process: &OwnerProcess| {
            let descriptors = kept.descriptors.get(&process.tgid).copied();
            OwnerProcess { descriptors, ..process.clone() }
        };
        Pressure {
            listeners: kept.listening.snapshot(),
            ports: kept.ports.0.clone(),
            destinations: kept.ports.1.clone(),
            netstat: kept.netstat.snapshot(),
            processes: kept.processes.iter().map(with).collect(),
            host: kept.host.clone(),
        }
    }

    /// How many listeners had to be folded.
    pub(super) const fn listeners_folded(&self) -> u64 {
        self.kept.listening.overflow
    }
}
