//! `tcpwarden ports`, `/api/v1/ports`: the destinations that have taken most local ports. They run
//! out when connects fail with `no_local_port`.
//!
//! Each reconcile pass gathers them; the table keeps at most twenty. `holders` names the processes,
//! `rows` writes the text.

mod holders;
pub(super) mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::columns::{self, Naming};
use super::parameter::Parameter;
use super::view::View;
use super::{Query, Source, value};
use crate::conn::pressure::Destination;
use crate::ingest::lock;
use crate::leaks::suspect::InSeconds;
use crate::listing::answer::Taken;
use holders::Holders;
use rows::DESTINATIONS;

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortsQuery {
    /// The most destinations in the answer.
    limit: usize,
}

impl Default for PortsQuery {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

impl Query for PortsQuery {
    const NAME: &'static str = "ports";
    const ABOUT: &'static str = "which destinations have taken most of their local ports";
    const NOTES: &'static str = "\
A port is taken for one destination, unless bind took it before the connect: then it is taken for
any destination, and `any destination (bind before connect)` counts such ports, at most. Under each
destination are the processes whose connections hold the ports; a port in TIME_WAIT has none.

Examples:
  tcpwarden ports
  tcpwarden ports -o csv --columns taken_at,used_ratio,destination
  tcpwarden ports -n 5 --json | jq '.destinations[].used_ratio'
";
    const PARAMETERS: &'static [Parameter<Self>] =
        &[Parameter::one("limit", "N", |query: &mut Self, text| {
            query.limit = value::limit(text)?;
            Ok(())
        })
        .short('n')
        .help("At most this many of the twenty that are kept [default: 20]")];
    type Answer = Ports;

    fn answer(&self, source: &Source, now: u64) -> Ports {
        let taken = Taken::at(SystemTime::now(), now);
        let all = lock(&source.table).view().destinations().to_vec();
        let shown = &all[..self.limit.min(all.len())];
        let holders = Holders::of(&source.table, shown);
        let with = |(one, holders)| PortUse::of(one, holders);
        let mut destinations: Vec<PortUse> = shown.iter().zip(holders.finish()).map(with).collect();
        let mut met = HashSet::new();
        // The first of a namespace is its busiest one.
        for first in destinations.iter_mut().filter(|one| met.insert(one.netns)) {
            first.exhausted = source.leaks.ports_run_out(first.netns);
        }
        Ports {
            taken,
            known: all.len(),
            returned: destinations.len(),
            truncated: destinations.len() < all.len(),
            destinations,
        }
    }

    fn columns(&self) -> Vec<Naming> {
        columns::names(DESTINATIONS)
    }

    fn write(answer: &Ports, view: &View, page: &mut String) {
        rows::write(answer, view, page);
    }
}

/// The answer: destinations, the one with the largest share first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ports {
    /// When the answer was made; the numbers are as old as the last reconcile pass.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// How many destinations the table keeps.
    pub(crate) known: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// The destinations.
    pub(crate) destinations: Vec<PortUse>,
}

/// The local ports that connections from one address to one service have taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PortUse {
    /// The inode of the network namespace.
    pub(crate) netns: u32,
    /// The local address.
    pub(crate) local_address: IpAddr,
    /// The service's address.
    pub(crate) peer_address: IpAddr,
    /// The service's port; 0 for any.
    pub(crate) peer_port: u16,
    /// Whether these are ports that `bind` took before the connect, for any destination at once.
    pub(crate) bind_before_connect: bool,
    /// Ports taken.
    pub(crate) used: u32,
    /// How many of `used` are in `TIME_WAIT`, or in `FIN_WAIT2` without a descriptor.
    pub(crate) time_wait: u32,
    /// How many ports a destination can have.
    pub(crate) range: u32,
    /// `used` divided by `range`, 0 to 1; at 1 no port is left.
    pub(crate) used_ratio: f64,
    /// When all are taken, for the busiest destination of a namespace; `None` unless their number
    /// grows by the trend test.
    pub(crate) exhausted: Option<InSeconds>,
    /// `tcp_tw_reuse` of the namespace; `None` if it could not be read.
    pub(crate) tw_reuse: Option<u64>,
    /// The processes whose connections hold the ports, those with the most first.
    pub(crate) processes: Vec<PortHolder>,
    /// How many connections hold ports besides those of `processes`.
    pub(crate) connections_of_other_processes: u64,
}

/// A process whose connections hold ports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PortHolder {
    /// The name, as in the metrics.
    pub(crate) process: String,
    /// The process id; `None` if the owner is not known.
    pub(crate) pid: Option<u32>,
    /// The workload.
    pub(crate) workload: String,
    /// How many connections to the destination it has.
    pub(crate) connections: u64,
}

impl Default for PortUse {
    fn default() -> Self {
        let unspecified = Ipv6Addr::UNSPECIFIED.into();
        Self {
            netns: 0,
            local_address: unspecified,
            peer_address: unspecified,
            peer_port: 0,
            bind_before_connect: false,
            used: 0,
            time_wait: 0,
            range: 0,
            used_ratio: 0.0,
            exhausted: None,
            tw_reuse: None,
            processes: Vec::new(),
            connections_of_other_processes: 0,
        }
    }
}

impl PortUse {
    fn of(from: &Destination, (processes, others): (Vec<PortHolder>, u64)) -> Self {
        Self {
            netns: from.netns,
            local_address: from.local.to_canonical(),
            peer_address: from.peer.to_canonical(),
            peer_port: from.peer_port,
            bind_before_connect: holders::is_any(from),
            used: from.used,
            time_wait: from.time_wait,
            range: from.range,
            used_ratio: (from.ratio() * 1000.0).round() / 1000.0,
            exhausted: None,
            tw_reuse: from.tw_reuse,
            processes,
            connections_of_other_processes: others,
        }
    }
}
