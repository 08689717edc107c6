//! The destinations that have taken most local ports, as JSON: what runs out when connects fail
//! with `no_local_port`. Gathered by each reconcile pass; at most twenty are kept.
//!
//! Made by the agent, read again by the command line.

use std::net::{IpAddr, Ipv6Addr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::answer::Taken;
use super::query::Query;
use crate::conn::pressure::Destination;
use crate::ingest::{SharedTable, lock};

/// Destinations, the worst first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ports {
    /// When they were read; they are as old as the last pass.
    #[serde(flatten)]
    pub taken: Taken,
    /// How many are known.
    pub known: usize,
    /// How many of them are in this answer.
    pub returned: usize,
    /// Whether there are more.
    pub truncated: bool,
    /// These.
    pub destinations: Vec<PortUse>,
}

/// The local ports that connections from one address to one service have taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortUse {
    /// Inode of the network namespace.
    pub netns: u32,
    /// The local address.
    pub local_address: IpAddr,
    /// The service's address.
    pub peer_address: IpAddr,
    /// The service's port.
    pub peer_port: u16,
    /// Ports taken.
    pub used: u32,
    /// Those of them in TIME_WAIT, orphaned FIN_WAIT2 included.
    pub time_wait: u32,
    /// Ports that there are for a destination.
    pub range: u32,
    /// `used` of `range`; 1 is none left.
    pub used_ratio: f64,
    /// `tcp_tw_reuse` of the namespace; none where it could not be read.
    pub tw_reuse: Option<u64>,
}

impl Default for PortUse {
    fn default() -> Self {
        let nowhere = Ipv6Addr::UNSPECIFIED.into();
        let (netns, peer_port, used, time_wait, range) = Default::default();
        Self {
            netns,
            local_address: nowhere,
            peer_address: nowhere,
            peer_port,
            used,
            time_wait,
            range,
            used_ratio: 0.0,
            tw_reuse: None,
        }
    }
}

impl From<&Destination> for PortUse {
    fn from(from: &Destination) -> Self {
        Self {
            netns: from.netns,
            local_address: from.local.to_canonical(),
            peer_address: from.peer.to_canonical(),
            peer_port: from.peer_port,
            used: from.used,
            time_wait: from.time_wait,
            range: from.range,
            used_ratio: (from.ratio() * 1000.0).round() / 1000.0,
            tw_reuse: from.tw_reuse,
        }
    }
}

/// The answer at `now` (`CLOCK_MONOTONIC` nanoseconds), at most as many as the query wants.
#[must_use]
pub fn ports(table: &SharedTable, query: &Query, now: u64) -> Ports {
    let taken = Taken::at(SystemTime::now(), now);
    let all = lock(table).view().destinations().to_vec();
    let destinations: Vec<PortUse> = all.iter().take(query.limit).map(PortUse::from).collect();
    Ports {
        taken,
        known: all.len(),
        returned: destinations.len(),
        truncated: destinations.len() < all.len(),
        destinations,
    }
}
