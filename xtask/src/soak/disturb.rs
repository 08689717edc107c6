//! What happens to the agent in a cycle: healthy and failing traffic of the lab, a leak that comes
//! and goes, a storm of connections while the agent is stopped, so that its ring overflows, network
//! namespaces and processes that come and go.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use testkit::agent::Agent;
use testkit::launch::{Launch, Output};
use testkit::netns::Netns;
use testkit::process::{Ending, Process};

use crate::bench::interrupt::Interrupt;
use crate::bench::loads;
use crate::bench::stage::Load;
use crate::workspace;

/// The length of a cycle.
pub(super) const CYCLE: Duration = Duration::from_secs(12);
/// How long the scenarios of a cycle last, and how long one may take to end.
const PLAY: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(30);
/// The scenarios of the lab that play at the same time.
const SCENARIOS: [&str; 5] = ["fd-leak", "refused", "rst-storm", "half-close", "retry-storm"];
/// How long the storm lasts, in the middle of which the agent is stopped.
const STORM: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(700);
/// Network namespaces and processes of a cycle.
const NAMESPACES: usize = 8;
const PROCESSES: usize = 100;

/// What makes the load.
pub(super) struct Disturber<'a> {
    lab: &'a Path,
    address: String,
    storm: Load,
    interrupt: &'a Interrupt,
}

impl<'a> Disturber<'a> {
    /// Starts the process that makes storms.
    pub(super) fn start(lab: &'a Path, agent: &Agent, interrupt: &'a Interrupt) -> Result<Self> {
        let storm = Load::start(loads::find("storm")?, interrupt)?;
        Ok(Self { lab, address: agent.client.address.to_string(), storm, interrupt })
    }

    /// Plays one cycle, which takes less than [`CYCLE`] on a machine that has time.
    pub(super) fn cycle(&mut self, agent: &mut Agent) -> Result<()> {
        let plays = SCENARIOS.map(|name| self.play(name));
        let mut plays = plays.into_iter().collect::<Result<Vec<_>>>()?;
        self.interrupt.sleep(Duration::from_secs(1))?;
        self.storm(agent)?;
        let namespaces = (0..NAMESPACES).map(|_| Netns::new()).collect::<Result<Vec<_>>>()?;
        fork(PROCESSES)?;
        drop(namespaces);
        for play in &mut plays {
            let status = self.interrupt.wait(PATIENCE, || play.status())?;
            let status = status.with_context(|| format!("{} does not end", play.name()))?;
            ensure!(status.success(), "{} ended with {status}: {}", play.name(), play.tail(5));
        }
        Ok(())
    }

    /// Starts a scenario of the lab.
    fn play(&self, name: &str) -> Result<Process> {
        let mut command = Command::new(self.lab);
        command.args([name, "--seconds", &PLAY.as_secs().to_string(), "--agent", &self.address]);
        command.env("PATH", workspace::path()?);
        Launch::new(name, command)
            .output(Output::Log)
            .ending(Ending::Signal(Signal::SIGTERM))
            .own_group()
            .spawn()
    }

    /// Stops the agent for a while in the middle of a storm.
    fn storm(&mut self, agent: &mut Agent) -> Result<()> {
        let (storm, interrupt) = (&mut self.storm, self.interrupt);
        std::thread::scope(|scope| {
            let storming = scope.spawn(|| storm.run(STORM, interrupt));
            std::thread::sleep(STORM / 4);
            agent.process.signal(Signal::SIGSTOP)?;
            std::thread::sleep(PAUSE);
            agent.process.signal(Signal::SIGCONT)?;
            let sample =
                storming.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            ensure!(sample.units > 0, "the storm made no connection");
            Ok(())
        })
    }
}

/// Starts processes one after another and waits for each.
fn fork(count: usize) -> Result<()> {
    let script = format!("i=0; while [ $i -lt {count} ]; do /bin/true; i=$((i + 1)); done");
    let status = Command::new("sh").args(["-c", &script]).status().context("start a shell")?;
    ensure!(status.success(), "a shell that starts processes ended with {status}");
    Ok(())
}
