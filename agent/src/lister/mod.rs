//! Reading the kernel's lists of sockets in a process of its own.
//!
//! To show a socket, the kernel waits for its lock (`bpf_iter_tcp_seq_show`, 5.15), and a process
//! can hold that for as long as it likes. Who waits cannot even be killed. So a child reads, which
//! holds nothing but the list: the agent goes on without it, ends when it is told, and leaves no
//! probe attached.
//!
//! Used by the reconcile thread. Guarantees: waiting for a list ends after [`PATIENCE`] without a
//! piece of it, and after [`ALL_PATIENCE`] for all; a namespace whose list came late is left alone
//! for longer each time; there are at most [`MOST_HELD`] children that wait for a lock.

pub mod child;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use frame::Frame;

use crate::handover;

/// How long the kernel may take for a piece of a list. A million objects without output take less
/// than a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take for a whole list, waiting for its pieces.
const ALL_PATIENCE: Duration = Duration::from_secs(30);
/// The most children that wait for a lock. Each waits for one of another namespace.
const MOST_HELD: usize = 32;
/// The longest time for which a namespace whose list came late is left alone.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// How many such namespaces are remembered.
const MOST_LATE: usize = 4096;

/// A child that reads lists.
#[derive(Debug)]
struct Lister {
    child: Child,
    socket: UnixStream,
}

impl Lister {
    fn start() -> io::Result<Self> {
        let (socket, of_child) = UnixStream::pair()?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let child = Command::new("/proc/self/exe")
            .arg(child::COMMAND)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(of_child)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket })
    }

    /// Hands a list over.
    fn send(&self, list: &File) -> io::Result<()> {
        handover::send(&self.socket, &[list.as_fd()])
    }

    /// Ends a child that has nothing to do.
    fn end(self) {
        let _ = self.kill().wait();
    }

    /// Kills a child. If it waits for a lock, it ends later.
    fn kill(self) -> Child {
        let Self { mut child, socket } = self;
        drop(socket);
        let _ = child.kill();
        child
    }
}

/// A child that waits for a lock, or has just got it.
#[derive(Debug)]
struct Held {
    netns: u32,
    child: Child,
}

/// A network namespace whose list came late.
#[derive(Clone, Copy, Debug)]
struct Late {
    /// It is not read before then.
    until: Instant,
    /// How long it is left alone the next time.
    pause: Duration,
}

/// The children that read lists.
#[derive(Debug, Default)]
pub(crate) struct Listers {
    idle: Option<Lister>,
    held: Vec<Held>,
    /// Children that were killed because they broke off.
    ending: Vec<Child>,
    /// The network namespaces whose list came late.
    late: HashMap<u32, Late>,
    /// The process that reads, by its id in the agent's pid namespace.
    number: u32,
}

impl Listers {
    /// Returns the id of the process that has read the last list, in the agent's pid namespace.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// Returns whether the list of a network namespace cannot be read, because it waits for a lock
    /// already, has done so lately, or too many do. The agent's own is read however many do, and
    /// after each lock.
    pub(crate) fn is_held(&mut self, netns: u32, home: bool) -> bool {
        // A child that goes on finds its socket closed, and ends.
        self.held.retain_mut(|held| matches!(held.child.try_wait(), Ok(None)));
        self.ending.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let is_late = || self.late.get(&netns).is_some_and(|late| Instant::now() < late.until);
        let is_left_alone = || self.held.len() >= MOST_HELD || is_late();
        self.held.iter().any(|held| held.netns == netns) || !home && is_left_alone()
    }

    /// Returns whether any list waits for a lock, or has done so and was not read since.
    pub(crate) fn has_late(&self) -> bool {
        !self.held.is_empty() || !self.late.is_empty()
    }

    /// Begins to read the list of a network namespace.
    ///
    /// # Errors
    /// If no child can be started.
    pub(crate) fn begin(&mut self, netns: u32, list: &File) -> io::Result<Listing> {
        // A list that is read without a child is read by this process.
        self.number = std::process::id();
        let mut lister = match self.idle.take() {
            Some(lister) => lister,
            None => Lister::start()?,
        };
        if lister.send(list).is_err() {
            // It was killed while it had nothing to do.
            self.ending.push(lister.kill());
            lister = Lister::start()?;
            if let Err(error) = lister.send(list) {
                self.ending.push(lister.kill());
                return Err(error);
            }
        }
        self.number = lister.child.id();
        Ok(Listing { lister, netns, rest: 0, state: State::Reading, patience: ALL_PATIENCE })
    }

    /// Takes a child back. Returns whether its list waits for a lock.
    pub(crate) fn end(&mut self, listing: Listing) -> bool {
        let Listing { lister, netns, state, .. } = listing;
        match state {
            State::Ended => {
                self.late.remove(&netns);
                self.idle = Some(lister);
            }
            State::Late => {
                self.held.push(Held { netns, child: lister.child });
                self.put_off(netns);
                return true;
            }
            State::Reading => self.ending.push(lister.kill()),
        }
        false
    }

    /// Leaves a network namespace alone for a while that doubles each time.
    fn put_off(&mut self, netns: u32) {
        let now = Instant::now();
        if self.late.len() >= MOST_LATE {
            self.late.retain(|_, late| now < late.until);
        }
        if self.late.len() < MOST_LATE || self.late.contains_key(&netns) {
            let late = self.late.entry(netns).or_insert(Late { pause: PATIENCE, until: now });
            late.until = now + late.pause;
            late.pause = (late.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Listers {
    /// Ends the child that has nothing to do. Those that wait end by themselves.
    fn drop(&mut self) {
        if let Some(lister) = self.idle.take() {
            lister.end();
        }
    }
}

/// How far a list has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is more of it, or the child broke off.
    Reading,
    /// It was read to its end, or the kernel stopped it.
    Ended,
    /// No piece came in time.
    Late,
}

/// A list that a child reads.
#[derive(Debug)]
pub(crate) struct Listing {
    lister: Lister,
    netns: u32,
    /// The bytes of the present piece that were not read.
    rest: usize,
    state: State,
    /// How long its pieces may still take together.
    patience: Duration,
}

impl Read for Listing {
    /// Reads what the kernel gave.
    ///
    /// # Errors
    /// `TimedOut` if nothing came in time; what the kernel said; `UnexpectedEof` if the child has
    /// ended.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.state != State::Reading {
            return Ok(0);
        }
        if self.rest == 0 {
            let asked = Instant::now();
            let frame = Frame::read(&self.lister.socket).map_err(|error| self.late(error))?;
            self.patience = self.patience.saturating_sub(asked.elapsed());
            if self.patience.is_zero() && matches!(frame, Frame::Piece(_)) {
                return Err(self.late(io::ErrorKind::WouldBlock.into()));
            }
            match frame {
                Frame::Piece(length) => self.rest = length,
                Frame::End => {
                    self.state = State::Ended;
                    return Ok(0);
                }
                Frame::Error(number) => {
                    self.state = State::Ended;
                    return Err(io::Error::from_raw_os_error(number));
                }
            }
        }
        let most = self.rest.min(buffer.len());
        match (&self.lister.socket).read(&mut buffer[..most]) {
            Ok(0) if most > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                self.rest -= read;
                Ok(read)
            }
            Err(error) => Err(self.late(error)),
        }
    }
}

impl Listing {
    /// Notes a time-out, which the system tells as `EAGAIN`.
    fn late(&mut self, error: io::Error) -> io::Error {
        if error.kind() != io::ErrorKind::WouldBlock {
            return error;
        }
        self.state = State::Late;
        io::Error::new(
            io::ErrorKind::TimedOut,
            "it does not go on: a process may hold the lock of a socket, or the machine is too \
             slow",
        )
    }
}
