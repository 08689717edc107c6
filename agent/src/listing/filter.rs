//! Which rows are asked for: every parameter that is given must agree, with any of its values.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::conn::labels::{Role, Stage};
use crate::conn::{Owner, RowView, States};

/// Conditions on a row; an empty list asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Its state is one of these.
    pub(crate) states: States,
    /// Its process is called like one of these.
    pub(crate) processes: Vec<Pattern>,
    /// Its workload is called like one of these.
    pub(crate) workloads: Vec<Pattern>,
    /// Its owner is one of these processes.
    pub(crate) pids: Vec<u32>,
    /// One of its ports is one of these.
    pub(crate) ports: Vec<u16>,
    /// Its service port is one of these.
    pub(crate) service_ports: Vec<u16>,
    /// Its local end is within one of these.
    pub(crate) local: Vec<End>,
    /// Its peer is within one of these.
    pub(crate) peer: Vec<End>,
    /// Its side is one of these.
    pub(crate) roles: Vec<Role>,
    /// It is in CLOSE_WAIT and has come as far as one of these.
    pub(crate) stages: Vec<Stage>,
    /// Its owner is known in one of these ways.
    pub(crate) owners: Vec<Owner>,
    /// Its network namespace is one of these.
    pub(crate) netns: Vec<u32>,
    /// It has been in its state for at least this long.
    pub(crate) min_age: Duration,
}

impl Filter {
    /// Every row.
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
        owners: Vec::new(),
        netns: Vec::new(),
        min_age: Duration::ZERO,
    };

    /// Whether a row is asked for, at `now` (`CLOCK_MONOTONIC` nanoseconds).
    #[must_use]
    pub(crate) fn matches(&self, row: &RowView, now: u64) -> bool {
        self.states.has(row.state)
            && u128::from(now.saturating_sub(row.entered)) >= self.min_age.as_nanos()
            && any(&self.pids, |pid| *pid == row.tgid)
            && any(&self.ports, |port| *port == row.local_port || *port == row.peer_port)
            && any(&self.service_ports, |port| *port == row.service_port)
            && any(&self.roles, |role| *role == row.role)
            && any(&self.stages, |stage| row.waiting.stage == Some(*stage))
            && any(&self.owners, |owner| *owner == row.owner)
            && any(&self.netns, |netns| *netns == row.netns)
            && any(&self.processes, |pattern| pattern.matches(&row.process))
            && any(&self.workloads, |pattern| pattern.matches(&row.workload))
            && any(&self.local, |end| end.holds(row.local_address.to_canonical(), row.local_port))
            && any(&self.peer, |end| end.holds(row.peer_address.to_canonical(), row.peer_port))
    }
}

fn any<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

/// A name, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    open: bool,
}

impl Pattern {
    /// What `text` means: a name, with `*` at its end the beginning of one.
    #[must_use]
    pub(crate) fn new(text: &str) -> Self {
        let begin = text.strip_suffix('*');
        Self { text: begin.unwrap_or(text).to_owned(), open: begin.is_some() }
    }

    /// Whether a name is meant.
    #[must_use]
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.open { name.starts_with(&self.text) } else { name == self.text }
    }
}

/// An end of a connection: an address or a block of them, with a port or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    block: IpAddr,
    prefix: u32,
    port: Option<u16>,
}

/// What an [`End`] is written as, for messages.
pub(crate) const ENDS: &str = "an address (10.0.0.1, fd00::1), a block of them (10.0.0.0/8), or an address and port (10.0.0.1:5432, [fd00::1]:5432)";

impl End {
    /// Whether an address, an IPv4 one not as v4-mapped, and a port lie in it.
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

    /// An address block; one of v4-mapped addresses becomes one of IPv4 addresses.
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
            // A sign would be read as part of the number.
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
