//! Local ports that `bind` took before a connect, which are taken for every destination at once.
//!
//! Without `IP_BIND_ADDRESS_NO_PORT`, `bind` to an address and port 0 gives the socket a port that
//! no other has on that address (`inet_csk_get_port`, 5.10 to 6.18), so that the range is the limit
//! of all connections from the address together. Used by `destinations`. Guarantee: at most
//! [`MOST`] ports are kept; what does not fit is not counted.

use std::collections::HashSet;

use agent_common::record::{Socket, flag};
use hashbrown::HashMap;

/// The most ports that are kept, of all addresses together.
const MOST: usize = 1 << 18;

/// The network namespace and the local address.
pub(super) type Source = (u32, [u64; 2]);

/// The ports that `bind` took, by namespace and local address.
#[derive(Default)]
pub(super) struct BoundPorts {
    ports: HashMap<Source, HashSet<u16>>,
    kept: usize,
}

impl BoundPorts {
    /// Takes an entry of the socket list; one whose port `connect` chose is left out. `bind` may
    /// have chosen the port for another socket that shares it, so the count is an upper bound.
    #[inline]
    pub(super) fn add(&mut self, entry: &Socket) {
        if entry.flags & flag::PORT_BY_BIND == 0 || self.kept >= MOST {
            return;
        }
        let ports = self.ports.entry((entry.ends.netns, entry.ends.local)).or_default();
        self.kept += usize::from(ports.insert(entry.ends.local_port));
    }

    /// Returns how many ports are taken at each local address.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Source, u32)> + '_ {
        let count = |ports: &HashSet<u16>| u32::try_from(ports.len()).unwrap_or(u32::MAX);
        self.ports.iter().map(move |(source, ports)| (*source, count(ports)))
    }
}

#[cfg(test)]
mod tests {
    use agent_common::record::Endpoints;

    use super::*;

    #[test]
    fn a_port_counts_once_for_all_destinations_and_only_if_bind_took_it() {
        let mut bound = BoundPorts::default();
        let mut add = |local_port, peer_port, flags| {
            let ends = Endpoints { netns: 7, local_port, peer_port, ..Endpoints::default() };
            bound.add(&Socket { ends, flags, ..Socket::default() });
        };
        add(40_000, 80, flag::PORT_BY_BIND);
        add(40_000, 81, flag::PORT_BY_BIND);
        add(40_001, 80, flag::PORT_BY_BIND | flag::ATTACHED);
        add(40_002, 80, flag::PORT_BY_CONNECT);
        assert_eq!(bound.counts().collect::<Vec<_>>(), [((7, [0; 2]), 2)]);
    }
}
