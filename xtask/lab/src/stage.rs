//! The stage of a scenario: two network namespaces joined by a cable, and the processes that play
//! in them.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::Scenario;
use crate::cast::{self, Host, Role};
use crate::space::Space;

/// How long a role may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest line of a role that is shown.
const LINE: u64 = 300;

/// Two machines in small.
#[derive(Debug)]
pub struct Stage {
    /// Where clients run.
    pub clients: Space,
    /// Where servers run.
    pub servers: Space,
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// Without root, `ip` or veth.
    pub fn new() -> Result<Self> {
        let stage = Self {
            clients: Space::held_by(&mut cast::holder()?)?,
            servers: Space::held_by(&mut cast::holder()?)?,
        };
        for space in [&stage.clients, &stage.servers] {
            // A socket that waits for the last word of a peer keeps its network namespace for
            // minutes, and if everybody is killed at once, the peer's may go first.
            space.sysctl("net/ipv4/tcp_orphan_retries", "3")?;
        }
        Space::join(&stage.clients, &stage.servers)?;
        Ok(stage)
    }

    /// The namespace of a host.
    #[must_use]
    pub const fn space(&self, host: Host) -> &Space {
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
    actors: Vec<(&'static Role, Child)>,
    lines: Receiver<(&'static str, String)>,
    /// Where they play.
    pub stage: Stage,
}

impl Play {
    /// Sets the stage and starts every role, each once the one before is ready.
    ///
    /// # Errors
    /// Where the stage cannot be set, or a role does not start.
    pub fn start(scenario: &'static Scenario, length: Duration) -> Result<Self> {
        let stage = Stage::new()?;
        (scenario.prepare)(&stage)?;
        let (send, lines) = mpsc::channel();
        let mut play = Self { actors: Vec::new(), lines, stage };
        for role in scenario.cast {
            play.enter(scenario, role, length, &send)?;
        }
        Ok(play)
    }

    fn enter(
        &mut self,
        scenario: &Scenario,
        role: &'static Role,
        length: Duration,
        send: &Sender<(&'static str, String)>,
    ) -> Result<()> {
        let mut command = cast::command(scenario.name, role, length)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let started = self.stage.space(role.host).enter(|| command.spawn())?;
        let mut child = started.with_context(|| format!("start {}", role.name))?;
        let output = child.stdout.take();
        self.actors.push((role, child));
        let (name, send) = (role.name, send.clone());
        std::thread::spawn(move || relay(name, output, &send));
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok((name, line)) if name == role.name && line == "ready" => return Ok(()),
                _ => self.check()?,
            }
        }
        bail!("{} was not ready within {PATIENCE:?}", role.name);
    }

    /// Names and process ids.
    pub fn actors(&self) -> impl Iterator<Item = (&'static Role, u32)> {
        self.actors.iter().map(|(role, child)| (*role, child.id()))
    }

    /// What roles said since they were asked last: the name and a line.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.lines.try_iter()
    }

    /// Whether all still play.
    ///
    /// # Errors
    /// Who does not.
    pub fn check(&mut self) -> Result<()> {
        for (role, child) in &mut self.actors {
            if let Some(status) =
                child.try_wait().with_context(|| format!("look after {}", role.name))?
            {
                bail!("{} ended early: {status}", role.name);
            }
        }
        self.stage.clients.check()?;
        self.stage.servers.check()
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        // Servers were started first. A client that goes first closes as a client does.
        for (_, child) in self.actors.iter_mut().rev() {
            drop(child.stdin.take());
            let start = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(2) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Passes on what a role says, line by line.
fn relay(name: &'static str, output: Option<impl Read>, send: &Sender<(&'static str, String)>) {
    let Some(output) = output else { return };
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if send.send((name, text)).is_err() {
            return;
        }
        line.clear();
    }
}
