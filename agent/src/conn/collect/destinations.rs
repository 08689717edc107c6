//! How many local ports each destination of this host has taken.
//!
//! For a connect, the kernel looks for a port that no socket uses with the same local address, peer
//! address and peer port (`__inet_hash_connect` with `__inet_check_established`, 5.10 to 6.12). So
//! each such triple runs out of ports by itself, TIME_WAIT included, while another destination
//! still has them all. The kernel skips ports to which a socket was bound explicitly; here only
//! listeners count as such.
//!
//! Used by the pass. Guarantees: at most [`MOST`] destinations are counted at once. If there are
//! more, the small ones give way (Misra and Gries, 1982). A count is then too low by at most the
//! number of sockets divided by [`MOST`], so the worst destination is never lost.

use std::cmp::Ordering;

use agent_common::record::Socket;
use agent_common::tcp;
use hashbrown::HashMap;

use super::bound_ports::BoundPorts;
use crate::conn::report::pressure::{Destination, PortUse};
use crate::pressure::netns::Facts;

/// The most destinations that are counted at once. With a million sockets a count is too low by at
/// most 122.
const MOST: usize = 8192;
/// The number of destinations that are shown, the worst first.
const SHOWN: usize = 20;

/// A destination: connections to it from one local address share one range of ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Triple {
    netns: u32,
    peer_port: u16,
    local: [u64; 2],
    peer: [u64; 2],
}

/// The ports that are taken, and how many of them are in TIME_WAIT.
#[derive(Clone, Copy, Default)]
struct Taken {
    all: u32,
    time_wait: u32,
}

/// The counts of one pass.
#[derive(Default)]
pub(crate) struct Destinations {
    facts: HashMap<u32, Facts>,
    counts: HashMap<Triple, Taken>,
    /// Ports that are taken for every destination.
    bound: BoundPorts,
}

impl Destinations {
    /// Takes what was read of a namespace. In a namespace whose range is not known, nothing is
    /// counted.
    pub(crate) fn know(&mut self, facts: Facts) {
        self.facts.insert(facts.netns, facts);
    }

    /// Returns whether an entry of the socket list may have taken a port for its destination.
    #[inline]
    pub(crate) fn concerns(&self, entry: &Socket) -> bool {
        let connection = !matches!(entry.state, tcp::LISTEN | tcp::NEW_SYN_RECV | tcp::CLOSE);
        let range = self.facts.get(&entry.ends.netns).and_then(|facts| facts.ports.as_ref());
        connection
            && entry.ends.peer_port != 0
            && range.is_some_and(|range| range.contains(entry.ends.local_port))
    }

    /// Counts the port that an entry has taken.
    pub(crate) fn count(&mut self, entry: &Socket) {
        self.bound.add(entry);
        let ends = &entry.ends;
        let key = Triple {
            netns: ends.netns,
            peer_port: ends.peer_port,
            local: ends.local,
            peer: ends.peer,
        };
        if self.counts.len() >= MOST && !self.counts.contains_key(&key) {
            self.counts.retain(|_, taken| {
                taken.all -= 1;
                taken.time_wait = taken.time_wait.min(taken.all);
                taken.all > 0
            });
            return;
        }
        let taken = self.counts.entry(key).or_default();
        taken.all += 1;
        taken.time_wait += u32::from(entry.state == tcp::TIME_WAIT);
        debug_assert!(taken.time_wait <= taken.all, "a port in TIME_WAIT is taken");
        debug_assert!(self.counts.len() <= MOST, "only so many destinations are counted at once");
    }

    /// Returns the worst destination of each of at most `limit` namespaces, `home` (the agent's
    /// own) always among them, and the worst destinations of all. `listeners` are the ports that
    /// are listened on, each once a namespace.
    pub(crate) fn publish(
        self,
        home: u32,
        limit: usize,
        listeners: impl Iterator<Item = (u32, u16)>,
    ) -> (Vec<PortUse>, Vec<Destination>) {
        let mut room: HashMap<u32, u32> = self
            .facts
            .values()
            .filter_map(|facts| Some((facts.netns, facts.ports.as_ref()?.len())))
            .collect();
        for (netns, port) in listeners {
            let inside = self
                .facts
                .get(&netns)
                .and_then(|facts| facts.ports.as_ref())
                .is_some_and(|range| range.contains(port));
            if let Some(room) = room.get_mut(&netns).filter(|_| inside) {
                *room = room.saturating_sub(1);
            }
        }
        let bound = self.bound.counts().map(|((netns, local), all)| {
            let any = Triple { netns, peer_port: 0, local, peer: [0; 2] };
            (any, Taken { all, time_wait: 0 })
        });
        let mut all: Vec<_> = self
            .counts
            .iter()
            .map(|(key, taken)| (*key, *taken))
            .chain(bound)
            .filter_map(|(key, taken)| self.destination(&key, taken, *room.get(&key.netns)?))
            .collect();
        all.sort_unstable_by(|one, other| {
            worse(one.ratio(), other.ratio()).then_with(|| one.order().cmp(&other.order()))
        });
        let mut uses: HashMap<u32, PortUse> = room
            .iter()
            .map(|(netns, room)| (*netns, PortUse { netns: *netns, used: 0, range: *room }))
            .collect();
        for destination in all.iter().rev() {
            uses.insert(
                destination.netns,
                PortUse {
                    netns: destination.netns,
                    used: destination.used,
                    range: destination.range,
                },
            );
        }
        all.truncate(SHOWN);
        (bounded(uses.into_values().collect(), home, limit), all)
    }

    fn destination(&self, key: &Triple, taken: Taken, range: u32) -> Option<Destination> {
        Some(Destination {
            netns: key.netns,
            local: crate::conn::socket::row::address(key.local),
            peer: crate::conn::socket::row::address(key.peer),
            peer_port: key.peer_port,
            used: taken.all,
            time_wait: taken.time_wait,
            range,
            tw_reuse: self.facts.get(&key.netns)?.tw_reuse,
        })
    }
}

/// Keeps the `limit` worst. The worst of the rest stands under inode 0.
fn bounded(mut uses: Vec<PortUse>, home: u32, limit: usize) -> Vec<PortUse> {
    uses.sort_unstable_by(|one, other| {
        (other.netns == home)
            .cmp(&(one.netns == home))
            .then(worse(one.ratio(), other.ratio()))
            .then(one.netns.cmp(&other.netns))
    });
    if uses.len() > limit {
        let worst = PortUse { netns: 0, ..uses[limit] };
        uses.truncate(limit);
        uses.push(worst);
    }
    uses
}

fn worse(one: f64, other: f64) -> Ordering {
    other.total_cmp(&one)
}
