//! Which rows match: every given condition must hold, for any of its values.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use catalogue::labels::{Role, SocketState, Stage};

use crate::conn::{Attribution, RowView, States};

/// Conditions on a row. An empty list is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Its state is one of these.
    pub(crate) states: States,
    /// The name of its process matches one of these.
    pub(crate) processes: Vec<Pattern>,
    /// The name of its workload matches one of these.
    pub(crate) workloads: Vec<Pattern>,
    /// Its owner has one of these process ids.
    pub(crate) pids: Vec<u32>,
    /// One of its ports is one of these.
    pub(crate) ports: Vec<u16>,
    /// Its service port is one of these.
    pub(crate) service_ports: Vec<u16>,
    /// Its local end is within one of these.
    pub(crate) local: Vec<End>,
    /// Its peer is within one of these.
    pub(crate) peer: Vec<End>,
    /// Its role is one of these.
    pub(crate) roles: Vec<Role>,
    /// It is in CLOSE_WAIT at one of these stages.
    pub(crate) stages: Vec<Stage>,
    /// It is a subflow of an MPTCP connection in one of these states.
    pub(crate) multipath: Vec<SocketState>,
    /// Its owner is known in one of these ways.
    pub(crate) owners: Vec<Attribution>,
    /// Its network namespace has one of these inodes.
    pub(crate) netns: Vec<u32>,
    /// It has been in its state for at least this long.
    pub(crate) min_age: Duration,
    /// It has carried no data for at least this long.
    pub(crate) min_idle: Option<Duration>,
    /// Keepalive is on, or off.
    pub(crate) keepalive: Option<bool>,
    /// Its peer does not acknowledge what was sent.
    pub(crate) is_unacknowledged: bool,
}

impl Filter {
    /// The filter that every row matches.
    pub(crate) const ALL: Self = Self {
        states: States::ALL,
        processes: Vec::new(),
        workloads: Vec::new(),
        pids: Vec::new(),
        ports: Vec::new(),
        service_ports: Vec::new(),
        local: Vec::new(),
        peer: Vec::new(),
        roles: Vec::new(),
        stages: Vec::new(),
        multipath: Vec::new(),
        owners: Vec::new(),
        netns: Vec::new(),
        min_age: Duration::ZERO,
        min_idle: None,
        keepalive: None,
        is_unacknowledged: false,
    };

    /// Returns whether a row matches at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub(crate) fn matches(&self, row: &RowView, now: u64) -> bool {
        self.states.has(row.state)
            && u128::from(now.saturating_sub(row.entered)) >= self.min_age.as_nanos()
            && self.matches_activity(row, now)
            && any(&self.pids, |pid| *pid == row.tgid)
            && any(&self.ports, |port| *port == row.local_port || *port == row.peer_port)
            && any(&self.service_ports, |port| *port == row.service_port)
            && any(&self.roles, |role| *role == row.role)
            && any(&self.stages, |stage| row.waiting.stage == Some(*stage))
            && any(&self.owners, |owner| *owner == row.attribution)
            && any(&self.netns, |netns| *netns == row.netns)
            && any(&self.processes, |pattern| pattern.matches(&row.process))
            && any(&self.workloads, |pattern| pattern.matches(&row.workload))
            && any(&self.local, |end| end.holds(row.local_address.to_canonical(), row.local_port))
            && any(&self.peer, |end| end.holds(row.peer_address.to_canonical(), row.peer_port))
    }
}

impl Filter {
    /// Returns whether what a connection has done matches. What the kernel does not tell matches
    /// no condition.
    fn matches_activity(&self, row: &RowView, now: u64) -> bool {
        let activity = &row.activity;
        let idle = |least: Duration| {
            row.idle(now).is_some_and(|idle| u128::from(idle) >= least.as_nanos())
        };
        let multipath = activity.multipath.map(|connection| connection.state);
        self.min_idle.is_none_or(idle)
            && any(&self.multipath, |state| multipath == Some(*state))
            && self.keepalive.is_none_or(|wanted| activity.keepalive == Some(wanted))
            && (!self.is_unacknowledged || row.is_unacknowledged())
    }
}

fn any<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

/// A name or a prefix of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    /// Reads a name; with `*` at its end it is a prefix.
    #[must_use]
    pub(crate) fn new(text: &str) -> Self {
        let prefix = text.strip_suffix('*');
        Self { text: prefix.unwrap_or(text).to_owned(), is_prefix: prefix.is_some() }
    }

    /// Returns whether a name matches.
    #[must_use]
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&self.text) } else { name == self.text }
    }
}

/// A set of ends of connections: an address or a block of addresses, with one port or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    block: IpAddr,
    prefix: u32,
    port: Option<u16>,
}

/// The forms of an [`End`], as the second half of "expected ...".
pub(crate) const ENDS: &str = "an address (10.0.0.1, fd00::1), a block of them (10.0.0.0/8), or an \
                               address and port (10.0.0.1:5432, [fd00::1]:5432)";

impl End {
    /// Returns whether it contains an address and port. The address must not be v4-mapped.
    #[must_use]
    pub(crate) fn holds(&self, address: IpAddr, port: u16) -> bool {
        self.port.is_none_or(|wanted| wanted == port)
            && match (self.block, address) {
                (IpAddr::V4(block), IpAddr::V4(address)) => {
                    (block.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix
                }
                (IpAddr::V6(block), IpAddr::V6(address)) => {
                    (block.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix
                }
                _ => false,
            }
    }

    /// Returns a block of addresses; `None` if the prefix is too long. A block of v4-mapped
    /// addresses becomes a block of IPv4 addresses.
    fn block(address: IpAddr, prefix: u32, port: Option<u16>) -> Option<Self> {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let canonical = address.to_canonical();
        match canonical {
            _ if prefix > width => None,
            IpAddr::V4(_) if width == 128 && prefix < 96 => {
                Some(Self { block: address, prefix, port })
            }
            IpAddr::V4(_) if width == 128 => {
                Some(Self { block: canonical, prefix: prefix - 96, port })
            }
            _ => Some(Self { block: canonical, prefix, port }),
        }
    }
}

/// The text is not an [`End`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {ENDS}")]
pub(crate) struct NotAnEnd;

impl FromStr for End {
    type Err = NotAnEnd;

    fn from_str(text: &str) -> Result<Self, NotAnEnd> {
        if let Ok(end) = text.parse::<std::net::SocketAddr>() {
            let width = if end.is_ipv4() { 32 } else { 128 };
            return Self::block(end.ip(), width, Some(end.port())).ok_or(NotAnEnd);
        }
        let (address, prefix) = match text.split_once('/') {
            // Only digits: `parse` would accept a plus sign, too.
            Some((address, prefix)) if prefix.bytes().all(|digit| digit.is_ascii_digit()) => {
                (address, prefix.parse().ok())
            }
            Some(_) => return Err(NotAnEnd),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_no: std::net::AddrParseError| NotAnEnd)?;
        let prefix = match prefix {
            Some(prefix) => prefix,
            None if text.contains('/') => return Err(NotAnEnd),
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Self::block(address, prefix, None).ok_or(NotAnEnd)
    }
}
