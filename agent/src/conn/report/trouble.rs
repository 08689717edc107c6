//! Who fails, waits, is reset or retransmits, towards whom: as a view is shown it.

use std::net::Ipv6Addr;
use std::sync::Arc;

use catalogue::labels::Role;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TroubleKind {
    /// Connects that came to nothing.
    Failures,
    /// Connects that took a second or longer.
    Slow,
    /// Connections that a reset ended before any FIN.
    Resets,
    /// Retransmitted segments.
    Retransmits,
}

impl TroubleKind {
    /// Every kind with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("failures", Self::Failures),
        ("slow", Self::Slow),
        ("resets", Self::Resets),
        ("retransmits", Self::Retransmits),
    ];

    /// Returns its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

/// One process in trouble with one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What goes wrong.
    pub kind: TroubleKind,
    /// Why, as in the metrics; empty where there is no reason.
    pub reason: &'static str,
    /// Command name.
    pub process: Arc<str>,
    /// Workload name.
    pub workload: Arc<str>,
    /// Process id of the latest; 0 where none is known.
    pub tgid: u32,
    /// Its side.
    pub role: Role,
    /// Inode of the network namespace.
    pub netns: u32,
    /// Peer address; IPv4 as v4-mapped.
    pub peer: Ipv6Addr,
    /// Service port.
    pub port: u16,
    /// How often; of retransmits, segments. A lower bound.
    pub count: u64,
    /// When it was first seen, `CLOCK_MONOTONIC` nanoseconds.
    pub first: u64,
    /// When it was last seen.
    pub last: u64,
    /// The longest connect, nanoseconds; 0 unless it is slow.
    pub longest: u64,
}
