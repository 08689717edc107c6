//! One scenario from its beginning to its end: says what it does, what to look at, and what the
//! agent says.

use std::io::Write;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{SigSet, Signal};
use testkit::address::Address;

use crate::Scenario;
use crate::stage::Play;
use crate::tell::Teller;

/// How often the processes are looked after.
const GLANCE: Duration = Duration::from_millis(250);
/// How often the agent is asked at the most.
const ASK: Duration = Duration::from_secs(5);

/// The length from which on the alert rules for production fire: windows of ten minutes, and ten
/// more of waiting.
const PRODUCTION: Duration = Duration::from_mins(25);

/// How a scenario is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it lasts.
    pub length: Duration,
    /// Whom to ask what it sees.
    pub agent: Address,
    /// Whether the alert rules that watch it wait for seconds only.
    pub short_rules: bool,
}

/// The signals on which a scenario is cleaned up; from now on they end no process by themselves.
///
/// To be called before any thread is started, because threads inherit what is blocked.
///
/// # Errors
/// Where the kernel refuses to block them.
pub fn interrupts() -> Result<Receiver<Signal>> {
    let set = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    set.thread_block().context("block signals")?;
    let (send, interrupts) = mpsc::channel();
    let wait = std::thread::Builder::new().spawn(move || {
        while let Ok(signal) = set.wait() {
            if send.send(signal).is_err() {
                return;
            }
        }
    });
    wait.context("start a thread")?;
    Ok(interrupts)
}

/// Runs a scenario until its time is over or a signal comes. Nothing of it remains, whatever is
/// returned.
///
/// # Errors
/// Without root or a tool that is needed; where a process of the scenario ends early; where `out`
/// is closed.
pub fn run(
    scenario: &'static Scenario,
    options: &Options,
    interrupts: &Receiver<Signal>,
    out: &mut impl Write,
) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "a scenario makes network namespaces: run it as root, or with `cargo xtask lab`"
    );
    let length = options.length;
    writeln!(out, "{}: {}", scenario.name, scenario.about)?;
    let mut play = Play::start(scenario, length)?;
    introduce(scenario, &play, options, out)?;
    let start = Instant::now();
    let every = ASK.min(length / 4).max(Duration::from_secs(1));
    let mut reporter = Reporter {
        teller: Teller::new(options.agent.clone(), scenario),
        silent: false,
        agent: &options.agent,
    };
    let mut next = every;
    while start.elapsed() < length {
        match interrupts.recv_timeout(GLANCE) {
            Ok(signal) => {
                writeln!(out, "{signal}: ends early")?;
                break;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        play.check()?;
        for (name, line) in play.said() {
            writeln!(out, "[{:3} s] {name}: {line}", start.elapsed().as_secs())?;
        }
        // At its very end a scenario is already coming down.
        if start.elapsed() >= next && next + GLANCE * 2 < length {
            next += every;
            reporter.report(start.elapsed(), out)?;
        }
    }
    drop(play);
    writeln!(out, "{}: over; its processes and network namespaces are gone", scenario.name)?;
    Ok(())
}

fn introduce(
    scenario: &Scenario,
    play: &Play,
    options: &Options,
    out: &mut impl Write,
) -> Result<()> {
    let length = options.length;
    let [clients, servers] = [&play.stage.clients, &play.stage.servers].map(|netns| netns.inode);
    writeln!(
        out,
        "  for {} s, in network namespaces {clients} (clients) and {servers} (servers); Ctrl-C \
        ends it",
        length.as_secs()
    )?;
    for (role, pid) in play.actors() {
        writeln!(out, "  runs {} (pid {pid}) at {}", role.name, role.host.ip())?;
    }
    writeln!(out, "  look at dashboard {}", scenario.board)?;
    for look in scenario.look {
        writeln!(out, "  look for {look}")?;
    }
    let alerts =
        if scenario.alerts.is_empty() { "none".to_owned() } else { scenario.alerts.join(", ") };
    writeln!(out, "  alerts: {alerts}")?;
    if !scenario.alerts.is_empty() && !options.short_rules && length < PRODUCTION {
        let seconds = PRODUCTION.as_secs();
        writeln!(
            out,
            "          the committed rules wait for minutes before they fire: `--seconds \
            {seconds}` lets them"
        )?;
    }
    Ok(())
}

/// Passes on what the agent says, and says once where none answers.
struct Reporter<'a> {
    teller: Teller,
    agent: &'a Address,
    silent: bool,
}

impl Reporter<'_> {
    fn report(&mut self, after: Duration, out: &mut impl Write) -> Result<()> {
        let after = after.as_secs();
        match self.teller.ask() {
            Ok(lines) => {
                self.silent = false;
                for line in lines {
                    writeln!(out, "[{after:3} s] the agent: {line}")?;
                }
            }
            Err(error) if !self.silent => {
                self.silent = true;
                let agent = self.agent;
                writeln!(
                    out,
                    "[{after:3} s] no agent answers at {agent} ({error:#}): start one with `cargo \
                    xtask run`, or name it with"
                )?;
                writeln!(out, "        --agent; the scenario goes on")?;
            }
            Err(_) => {}
        }
        Ok(())
    }
}
