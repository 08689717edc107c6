//! Where the agent or an exporter is scraped.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use testkit::address::Address;
use testkit::client::Client;
use testkit::netns;
use testkit::page::Page;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that is scraped.
#[derive(Debug, Clone)]
pub(super) struct Source {
    client: Client,
    /// A process in its network namespace, where that is not this one's.
    neighbour: Option<u32>,
}

impl Source {
    /// A socket file.
    pub(super) fn unix(file: PathBuf) -> Self {
        Self { client: Client::new(Address::Unix(file)).patience(PATIENCE), neighbour: None }
    }

    /// A port of loopback in the network namespace of a process.
    pub(super) fn inside(pid: u32, port: u16) -> Self {
        let address = Address::Tcp((Ipv4Addr::LOCALHOST, port).into());
        Self { client: Client::new(address).patience(PATIENCE), neighbour: Some(pid) }
    }

    /// Asks for a path.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        match self.neighbour {
            Some(pid) => netns::enter(pid, || self.client.get(path))?,
            None => self.client.get(path),
        }
    }

    /// Scrapes it.
    pub(super) fn page(&self) -> Result<Page> {
        Ok(Page::parse(&self.text("/metrics")?))
    }
}
