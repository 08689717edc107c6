//! The stage of a scenario: two network namespaces joined by a veth pair, and the processes that
//! play in them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use testkit::launch::Launch;
use testkit::netns::Netns;
use testkit::process::{Ending, Process};
use testkit::veth;

use crate::Scenario;
use crate::cast::{self, Host, Role};

/// How long a role may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a role may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Two machines in small.
#[derive(Debug)]
pub struct Stage {
    /// Where clients run.
    pub clients: Netns,
    /// Where servers run.
    pub servers: Netns,
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// Without root, `ip` or veth.
    pub fn new() -> Result<Self> {
        let stage = Self { clients: Netns::new()?, servers: Netns::new()? };
        for netns in [&stage.clients, &stage.servers] {
            // An orphan that waits for the last acknowledgement of its peer keeps its network
            // namespace for minutes, and if all are killed at once, the peer's may go first.
            netns.sysctl("net/ipv4/tcp_orphan_retries", "3")?;
        }
        veth::join(&stage.clients, &stage.servers)?;
        Ok(stage)
    }

    /// The namespace of a host.
    #[must_use]
    pub const fn netns(&self, host: Host) -> &Netns {
        match host {
            Host::Clients => &self.clients,
            Host::Servers => &self.servers,
        }
    }
}

/// The processes of a scenario on its stage. Ends them when dropped, clients first and the stage
/// last.
#[derive(Debug)]
pub struct Play {
    actors: Vec<(&'static Role, Process)>,
    /// Where they play.
    pub stage: Stage,
}

impl Play {
    /// Sets the stage and starts every role, each once the one before is ready.
    ///
    /// # Errors
    /// If the stage cannot be set, or a role does not start.
    pub fn start(scenario: &'static Scenario, length: Duration) -> Result<Self> {
        let stage = Stage::new()?;
        (scenario.prepare)(&stage)?;
        let mut play = Self { actors: Vec::new(), stage };
        for role in scenario.cast {
            play.enter(scenario, role, length)?;
        }
        Ok(play)
    }

    fn enter(&mut self, scenario: &Scenario, role: &'static Role, length: Duration) -> Result<()> {
        let launch = Launch::new(role.name, cast::command(scenario.name, role, length))
            .own_group()
            .ending(Ending::Input)
            .grace(GRACE);
        let process = self.stage.netns(role.host).enter(|| launch.spawn())??;
        self.actors.push((role, process));
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            self.check()?;
            let (_, process) = self.actors.last().context("nobody plays")?;
            if process.line(Duration::from_millis(100))?.is_some_and(|line| line == "ready") {
                return Ok(());
            }
        }
        bail!("{} was not ready within {PATIENCE:?}", role.name);
    }

    /// Names and process ids.
    pub fn actors(&self) -> impl Iterator<Item = (&'static Role, u32)> {
        self.actors.iter().map(|(role, process)| (*role, process.id()))
    }

    /// The lines that roles printed since the last call, each with the name of its role.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.actors.iter().flat_map(|(role, process)| {
            let next = move || process.line(Duration::ZERO).ok().flatten();
            std::iter::from_fn(next).map(|line| (role.name, line))
        })
    }

    /// # Errors
    /// If a role or a namespace has ended; the message names it.
    pub fn check(&mut self) -> Result<()> {
        self.actors.iter_mut().try_for_each(|(_, process)| process.check())?;
        self.stage.clients.check()?;
        self.stage.servers.check()
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        // Servers were started first. A client that goes first closes as a client does.
        while self.actors.pop().is_some() {}
    }
}
