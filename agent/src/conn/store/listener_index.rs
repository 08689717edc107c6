//! The listeners by port, from which their children inherit.
//!
//! Kept by `core` as rows enter and leave LISTEN.

use hashbrown::HashMap;

use crate::conn::ids::{GroupId, RowId};
use crate::conn::socket::row::Row;
use crate::internal_error::internal_error;

/// Where a listener listens, and whose it is.
struct Listener {
    row: RowId,
    local: [u64; 2],
    group: GroupId,
}

/// The listeners of one port.
#[derive(Default)]
struct Port {
    listeners: Vec<Listener>,
    /// Whether they belong to more than one group.
    is_mixed: bool,
}

impl Port {
    fn compare(&mut self) {
        let first = self.listeners.first().map(|first| first.group);
        self.is_mixed = self.listeners.iter().any(|listener| Some(listener.group) != first);
    }
}

/// The rows in LISTEN by namespace and port.
#[derive(Default)]
pub(crate) struct Listeners(HashMap<(u32, u16), Port>);

/// The listener behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// This one, or one of its group.
    One(RowId),
    /// One of several groups (`SO_REUSEPORT`): only the accept queues tell which.
    OneOfSeveral,
}

impl Listeners {
    /// Adds a row.
    pub(crate) fn add(&mut self, row: RowId, of: &Row) {
        let port = self.0.entry((of.netns, of.local_port)).or_default();
        debug_assert!(
            port.listeners.iter().all(|listener| listener.row != row),
            "a row in LISTEN is found once by its port"
        );
        port.listeners.push(Listener { row, local: of.local, group: of.group });
        port.compare();
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, netns: u32, port: u16, row: RowId) {
        let Some(all) = self.0.get_mut(&(netns, port)) else {
            return internal_error("a row in LISTEN is found by its port");
        };
        let before = all.listeners.len();
        all.listeners.retain(|listener| listener.row != row);
        debug_assert!(
            all.listeners.len() + 1 == before,
            "a row in LISTEN is found once by its port"
        );
        all.compare();
        if all.listeners.is_empty() {
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

    /// The listener that a connection to this local end comes from: the one with the very address,
    /// else the one with its family's wildcard, else `[::]` for IPv4. Of equals in one group the
    /// oldest; if equals belong to several groups, it may be any of them.
    pub(crate) fn find(&self, netns: u32, port: u16, local: [u64; 2]) -> Option<Behind> {
        let all = self.0.get(&(netns, port))?;
        let mut best: Option<(u8, &Listener)> = None;
        for listener in &all.listeners {
            let rank = rank(listener.local, local);
            if rank > best.map_or(0, |(best, _)| best) {
                best = Some((rank, listener));
            }
            if rank == 3 {
                break;
            }
        }
        let (best, first) = best?;
        let is_equal = |other: &&Listener| rank(other.local, local) == best;
        let is_mixed = all.is_mixed
            && all.listeners.iter().filter(is_equal).any(|other| other.group != first.group);
        Some(if is_mixed { Behind::OneOfSeveral } else { Behind::One(first.row) })
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
