//! The listeners by port, from which their children inherit.
//!
//! Kept by `core` as rows enter and leave LISTEN.

use hashbrown::HashMap;

use crate::conn::ids::RowId;
use crate::internal_error::internal_error;

/// The local address that a listener is bound to, and its row.
struct Listener {
    row: RowId,
    local: [u64; 2],
}

/// The rows in LISTEN by namespace and port.
#[derive(Default)]
pub(crate) struct Listeners(HashMap<(u32, u16), Vec<Listener>>);

impl Listeners {
    /// Adds a row.
    pub(crate) fn add(&mut self, netns: u32, port: u16, local: [u64; 2], row: RowId) {
        let all = self.0.entry((netns, port)).or_default();
        debug_assert!(
            all.iter().all(|listener| listener.row != row),
            "a row in LISTEN is found once by its port"
        );
        all.push(Listener { row, local });
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, netns: u32, port: u16, row: RowId) {
        let Some(all) = self.0.get_mut(&(netns, port)) else {
            return internal_error("a row in LISTEN is found by its port");
        };
        let before = all.len();
        all.retain(|listener| listener.row != row);
        debug_assert!(all.len() + 1 == before, "a row in LISTEN is found once by its port");
        if all.is_empty() {
            self.0.remove(&(netns, port));
        }
    }

    /// Returns whether a port of a namespace is listened on, at any address.
    pub(crate) fn has(&self, netns: u32, port: u16) -> bool {
        self.0.contains_key(&(netns, port))
    }

    /// Returns the ports that are listened on, each once a namespace.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.0.keys().copied()
    }

    /// Returns the listener that a connection to this local end comes from: the one with the exact
    /// address, else the one with its family's wildcard, else `[::]` for IPv4. Of equal ones the
    /// oldest is returned: sockets that share a port with `SO_REUSEPORT` mostly belong to one
    /// program.
    pub(crate) fn find(&self, netns: u32, port: u16, local: [u64; 2]) -> Option<RowId> {
        let mut best = (0, None);
        for listener in self.0.get(&(netns, port))? {
            let rank = rank(listener.local, local);
            if rank > best.0 {
                best = (rank, Some(listener.row));
            }
            if rank == 3 {
                break;
            }
        }
        best.1
    }
}

fn rank(listener: [u64; 2], local: [u64; 2]) -> u8 {
    let wildcard =
        listener == [0, 0] || (is_v4(listener) && listener[1].to_ne_bytes()[4..] == [0; 4]);
    match (listener == local, wildcard, is_v4(listener) == is_v4(local)) {
        (true, ..) => 3,
        (false, true, true) => 2,
        (false, true, false) if is_v4(local) => 1,
        _ => 0,
    }
}

/// Returns whether a 16-byte address stands for an IPv4 one.
fn is_v4(address: [u64; 2]) -> bool {
    address[0] == 0 && address[1].to_ne_bytes()[..4] == [0, 0, 0xff, 0xff]
}
