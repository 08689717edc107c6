//! Starts the process that speaks HTTP, and starts it again once.
//!
//! Called by `run`, on a thread of its own. The process has nothing but the listeners and its
//! lanes, so what gets into it over HTTP gets nothing else. Guarantees: it ends with the agent,
//! however the agent ends; if it ends by itself it is started again, and if it does so again within
//! [`AGAIN`], the agent ends.

use std::io::{self, Read as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::access::Access;
use super::answers::Views;
use super::bound::Bound;
use super::child;
use super::lane::Lanes;
use crate::kernel::privileges;
use crate::web::Handed;
use crate::{handover, log, spawn};

/// A process that ends twice within this time is not started again.
const AGAIN: Duration = Duration::from_hours(1);
/// How long it may take to start.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end: its open requests have less.
const END: Duration = Duration::from_millis(600);
/// The user and the group that own nothing, by convention (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65534;

/// What is needed to run the process.
pub(crate) struct Supervisor {
    listeners: Vec<(OwnedFd, Access)>,
    log: String,
    log_format: log::Format,
    web: Option<Handed>,
    views: Receiver<Views>,
    started: SyncSender<anyhow::Result<()>>,
    stop: UnixStream,
}

/// What the agent keeps of it.
pub(crate) struct Process {
    views: SyncSender<Views>,
    started: Receiver<anyhow::Result<()>>,
    /// Closed to end it.
    _stop: UnixStream,
}

/// A process that serves.
struct Served {
    child: Child,
    /// Closed on either side when that side ends.
    life: UnixStream,
}

/// Returns what runs the process for listeners, and what begins and ends it.
///
/// # Errors
/// If no descriptor is left.
pub(crate) fn supervised(
    bound: &[Bound],
    (log, log_format): (&str, log::Format),
    web: Option<Handed>,
) -> anyhow::Result<(Supervisor, Process)> {
    let (stop, stopping) = UnixStream::pair().context("cannot make a pair of sockets")?;
    let (views, shown) = sync_channel(1);
    let (started, starting) = sync_channel(1);
    let of = |bound: &Bound| Ok((bound.listener()?, bound.access()));
    let listeners: io::Result<Vec<_>> = bound.iter().map(of).collect();
    let listeners = listeners.context("cannot hand the listeners over")?;
    let log = log.to_owned();
    let supervisor =
        Supervisor { listeners, log, log_format, web, views: shown, started, stop: stopping };
    Ok((supervisor, Process { views, started: starting, _stop: stop }))
}

impl Process {
    /// Begins to serve, and returns when the process is ready.
    ///
    /// # Errors
    /// If it could not be started.
    pub(crate) fn begin(&self, views: Views) -> anyhow::Result<()> {
        let ended = || anyhow::anyhow!("the thread of the HTTP process has ended");
        self.views.send(views).map_err(|_error| ended())?;
        self.started.recv().map_err(|_error| ended())?
    }
}

impl Supervisor {
    /// Runs the process until [`Process`] is dropped. Returns what went wrong if it returns before.
    pub(crate) fn run(self) -> Option<String> {
        if let Err(error) = privileges::keep_for_children() {
            tracing::warn!(%error, "the HTTP process keeps the user of the agent");
        }
        let views = self.views.recv().ok()?;
        let mut served = match self.start(&views) {
            Ok(served) => served,
            Err(error) => {
                // The agent waits for it, unless it is about to end.
                let _ = self.started.send(Err(error.context("cannot start the HTTP process")));
                return None;
            }
        };
        let _ = self.started.send(Ok(()));
        let mut last: Option<Instant> = None;
        loop {
            let status = served.wait(&self.stop)?;
            if last.is_some_and(|last| last.elapsed() < AGAIN) {
                return Some(format!("the HTTP process has ended twice, now with {status}"));
            }
            tracing::warn!(status, "the HTTP process has ended; it is started again");
            last = Some(Instant::now());
            served = match self.start(&views) {
                Ok(served) => served,
                Err(error) => {
                    return Some(format!("the HTTP process cannot be started again: {error:#}"));
                }
            };
        }
    }

    fn start(&self, views: &Views) -> anyhow::Result<Served> {
        let (life, of_child) = UnixStream::pair()?;
        let mut pairs = Vec::new();
        for _ in 0..Lanes::COUNT {
            let (lane, far) = UnixStream::pair()?;
            far.set_nonblocking(true)?;
            pairs.push((lane, far));
        }
        let child = self.spawn(of_child)?;
        let mut served = Served { child, life };
        let listeners = self.listeners.iter().map(|(listener, _)| listener.as_fd());
        let files: Vec<_> = listeners.chain(pairs.iter().map(|(_, far)| far.as_fd())).collect();
        served.ready(&files, self.web.as_ref()).inspect_err(|_error| served.kill())?;
        for (place, (lane, _far)) in pairs.into_iter().enumerate() {
            let views = views.clone();
            let work = move || {
                // Only an answer of a query tells how processes were started.
                let limited = if place == Lanes::QUERIES {
                    privileges::keep_for_facts()
                } else {
                    privileges::drop_all()
                };
                let limited = limited.map_err(io::Error::other);
                match limited.and_then(|()| views.answer(&lane)) {
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        tracing::warn!(%error, "the HTTP process asked what it may not ask");
                    }
                    Err(error) => tracing::debug!(%error, "a lane of the HTTP process broke"),
                    Ok(()) => {}
                }
            };
            spawn::thread("http-lane", work)?;
        }
        Ok(served)
    }

    /// Starts the child as nobody; where that cannot be, as the agent's own user.
    fn spawn(&self, life: UnixStream) -> anyhow::Result<Child> {
        let life = OwnedFd::from(life);
        let command = || -> io::Result<Command> {
            let mut command = Command::new("/proc/self/exe");
            command
                .arg(child::COMMAND)
                .args(self.listeners.iter().flat_map(|(_, access)| ["--access", access.name()]))
                .arg(format!("--log={}", self.log))
                .arg(format!("--log-format={}", self.log_format.name()))
                .args(self.web.as_ref().map(|_| "--web"))
                .env_clear()
                .current_dir("/")
                .process_group(0)
                .stdin(Stdio::from(life.try_clone()?))
                // It cannot open a pipe or a terminal of another user anew.
                .stderr(Stdio::from(log::target().try_clone_to_owned()?))
                .stdout(Stdio::null());
            Ok(command)
        };
        if !privileges::may_change_children() {
            tracing::info!("the HTTP process has the user of the agent, which cannot change it");
            return command()?.spawn().map_err(spawn::refused);
        }
        let nobody = || command()?.uid(NOBODY).gid(NOBODY).spawn();
        privileges::for_children(nobody).or_else(|error| {
            tracing::info!(%error, "the HTTP process has the user of the agent");
            command()?.spawn().map_err(spawn::refused)
        })
    }
}

impl Served {
    /// Hands the files over, and the web configuration, and waits until the child serves.
    fn ready(&mut self, files: &[BorrowedFd<'_>], web: Option<&Handed>) -> anyhow::Result<()> {
        if let Some(web) = web {
            let (near, far) = UnixStream::pair()?;
            far.set_nonblocking(true)?;
            handover::send(&self.life, &[files, &[far.as_fd()]].concat())?;
            // If the child ends, its was the last one.
            drop(far);
            web.attach(near).context("it does not take the web configuration")?;
        } else {
            handover::send(&self.life, files)?;
        }
        self.life.set_read_timeout(Some(START))?;
        self.life.read_exact(&mut [0]).context("it does not become ready")
    }

    /// Waits for its end, which it returns as text; `None` if the agent ends first, after which the
    /// process has ended too.
    fn wait(mut self, stop: &UnixStream) -> Option<String> {
        let stopping = either(&self.life, stop);
        if stopping {
            let _ = self.life.shutdown(Shutdown::Write);
            let _ = self.life.set_read_timeout(Some(END));
            let _ = self.life.read(&mut [0]);
        }
        self.kill();
        let status = self.status();
        (!stopping).then_some(status)
    }

    fn kill(&mut self) {
        // One that has ended already, or that only its closed lanes can end.
        let _ = privileges::for_children(|| self.child.kill());
    }

    fn status(&mut self) -> String {
        let end = Instant::now() + END;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
                ended => return text(ended),
            }
        }
    }
}

fn text(ended: io::Result<Option<ExitStatus>>) -> String {
    match ended {
        Ok(Some(status)) => status.to_string(),
        Ok(None) => "no status yet".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Waits until one of two sockets has something to say, or is closed. Returns whether it is the
/// second.
fn either(first: &UnixStream, second: &UnixStream) -> bool {
    loop {
        let mut both = [first, second].map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        // An interrupted call is repeated.
        if poll(&mut both, PollTimeout::NONE).is_ok() {
            let said = |file: &PollFd<'_>| file.revents().is_some_and(|events| !events.is_empty());
            if said(&both[1]) {
                return true;
            }
            if said(&both[0]) {
                return false;
            }
        }
    }
}
