//! Where the two ends of a load's connections are.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use anyhow::{Context as _, Result};
use testkit::netns;

/// The first of the addresses that all lead to the servers' side of a veth pair.
pub(in crate::bench) const MANY: Ipv4Addr = Ipv4Addr::new(10, 78, 1, 0);

/// Where the loads listen. The first free one: a service that is another in every slot would be
/// another label of the agent, too.
const PORTS: std::ops::Range<u16> = 7000..7100;

/// Does one batch.
pub(in crate::bench) type Batch = Box<dyn FnMut() -> Result<()> + Send>;

/// Where a load's two ends are.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Place {
    /// The process that holds the servers' network namespace, where that is another one.
    there: Option<u32>,
}

impl Place {
    /// The servers' side is in the namespace of process `there`; 0 stands for this one.
    pub(in crate::bench) const fn new(there: u32) -> Self {
        Self { there: if there == 0 { None } else { Some(there) } }
    }

    /// A listener on the servers' side.
    pub(super) fn listen(self) -> Result<TcpListener> {
        let bind = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok();
        let make = || PORTS.into_iter().find_map(bind).context("listen");
        match self.there {
            Some(pid) => netns::enter(pid, make)?,
            None => make(),
        }
    }

    /// The `n`th address by which a listener can be reached; there are thousands.
    pub(super) fn address(self, n: u32, listener: &TcpListener) -> Result<SocketAddrV4> {
        let first = if self.there.is_some() { MANY } else { Ipv4Addr::new(127, 0, 1, 0) };
        Ok(SocketAddrV4::new(Ipv4Addr::from(u32::from(first) + n), listener.local_addr()?.port()))
    }
}
