//! The roles of a scenario: processes with telling names, each in one of its two network
//! namespaces.
//!
//! A role is this same program, started again. It ends when its standard input does, so that
//! nothing remains if the process that started it is killed, and at its deadline whatever happens.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use testkit::program::this_program;
use testkit::veth;

/// The environment variable that tells a process its part: a scenario, a role and seconds.
const PART: &str = "TCPWARDEN_LAB_PART";
/// How long a role outlives its scenario at the most.
const GRACE: Duration = Duration::from_secs(30);

/// One of the two machines that a scenario plays on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Where clients run.
    Clients,
    /// Where servers run.
    Servers,
}

impl Host {
    /// Its address.
    #[must_use]
    pub const fn ip(self) -> Ipv4Addr {
        veth::IPV4[self as usize]
    }
}

/// A process of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Its name in the process list, at most 15 letters.
    pub name: &'static str,
    /// Where it runs.
    pub host: Host,
    /// The most descriptors that it may have open.
    pub files: u64,
    /// What it does; it says [`Scene::ready`] once others may rely on it.
    pub play: fn(&Scene) -> Result<()>,
}

/// What a role knows of the scenario that it plays in.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// How long the scenario lasts.
    pub length: Duration,
    start: Instant,
}

impl Scene {
    /// Tells the lab that this role listens, or has begun.
    pub fn ready(&self) {
        self.say("ready");
    }

    /// Tells the person a line.
    pub fn say(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        // Nobody listens any more: the end of the input will come too.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// Counts from 0, `per_second` times a second, for as long as the scenario lasts. What fell
    /// behind by more than a second is left out, so that a machine that stood still is not
    /// flooded.
    pub fn ticks(&self, per_second: f64) -> impl Iterator<Item = u64> + use<> {
        let (end, step) = (self.start + self.length, Duration::from_secs_f64(1.0 / per_second));
        let mut next = Instant::now();
        (0..).take_while(move |_| {
            let now = Instant::now();
            if now > next + Duration::from_secs(1) {
                next = now;
            }
            std::thread::sleep(next.saturating_duration_since(now));
            next += step;
            Instant::now() < end
        })
    }
}

/// The address at which the server of a scenario is asked.
#[must_use]
pub fn server(port: u16) -> SocketAddr {
    (Host::Servers.ip(), port).into()
}

/// A command that plays a role of a scenario.
#[must_use]
pub fn command(scenario: &str, role: &Role, length: Duration) -> Command {
    let mut command = this_program(role.name);
    command.env(PART, format!("{scenario} {} {}", role.name, length.as_secs()));
    command
}

/// Plays the part that the environment names, if it names one, or holds a network namespace.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    if let Some(code) = testkit::netns::dispatch() {
        return Some(code);
    }
    let part = std::env::var(PART).ok()?;
    // The lab waits for signals and so has them blocked; its children are to end by them.
    let result =
        SigSet::all().thread_unblock().context("unblock signals").and_then(|()| {
            match *part.split(' ').collect::<Vec<_>>() {
                [scenario, role, seconds] => play(scenario, role, seconds),
                _ => bail!("{PART} is {part:?}, which is no part"),
            }
        });
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "lab: {part}: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn play(scenario: &str, role: &str, seconds: &str) -> Result<()> {
    let scenario =
        crate::find(scenario).with_context(|| format!("no scenario is called {scenario:?}"))?;
    let role = *scenario
        .cast
        .iter()
        .find(|known| known.name == role)
        .with_context(|| format!("nobody is called {role:?}"))?;
    let length = Duration::from_secs(seconds.parse().context("read the seconds")?);
    std::fs::write("/proc/self/comm", role.name).context("set the name of the process")?;
    setrlimit(Resource::RLIMIT_NOFILE, role.files, role.files).context("limit the descriptors")?;
    let scene = Scene { length, start: Instant::now() };
    let (send, ended) = mpsc::channel();
    watch_input(send.clone())?;
    let act = std::thread::Builder::new().spawn(move || {
        // A role that is done stays, with all that it holds, until the scenario ends.
        if let Err(error) = (role.play)(&scene) {
            let _ = send.send(Err(error));
        }
    });
    act.context("start a thread")?;
    // With this thread the process ends, and with it whatever its other threads hold.
    until(&ended, length + GRACE)
}

fn until(ended: &Receiver<Result<()>>, most: Duration) -> Result<()> {
    match ended.recv_timeout(most) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
    }
}

fn watch_input(send: Sender<Result<()>>) -> Result<()> {
    let watch = std::thread::Builder::new().spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = send.send(Ok(()));
    });
    watch.map(drop).context("start a thread")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(milliseconds: u64) -> Scene {
        Scene { length: Duration::from_millis(milliseconds), start: Instant::now() }
    }

    #[test]
    fn ticks_keep_their_rate_and_end_with_the_scenario() {
        let start = Instant::now();
        let ticks = scene(300).ticks(50.0).count();
        assert!((5..=16).contains(&ticks), "{ticks} in 300 ms at 50 a second");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn what_fell_behind_by_seconds_is_left_out() {
        let scene = scene(1500);
        let mut ticks = scene.ticks(100.0);
        ticks.next();
        std::thread::sleep(Duration::from_millis(1300));
        let left = ticks.count();
        assert!(left <= 30, "{left} in the 200 ms that were left, at 100 a second");
    }

    #[test]
    fn a_role_ends_at_its_deadline_though_nobody_says_so() {
        let (_open, ended) = mpsc::channel();
        assert!(until(&ended, Duration::from_millis(10)).is_ok());
    }

    #[test]
    fn a_part_that_is_none_is_refused() {
        for (scenario, role, seconds) in
            [("nothing", "orders-api", "5"), ("echo", "nobody", "5"), ("echo", "orders-api", "-5")]
        {
            assert!(play(scenario, role, seconds).is_err(), "{scenario} {role} {seconds}");
        }
    }
}
