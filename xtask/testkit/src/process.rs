//! Child processes that end with their handles.
//!
//! Guarantees: when a [`Process`] is dropped, it is asked to end in its own way, killed after a
//! grace time, and waited for. What it prints is always read, so that it never blocks on a full
//! pipe.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::log::Log;

/// Time between two looks at a process that is about to end.
const STEP: Duration = Duration::from_millis(5);
/// The most bytes of a line; a longer one comes in pieces.
const LINE: u64 = 64 << 10;

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By the end of its standard input, which is a pipe.
    Input,
    /// By a signal; its standard input is /dev/null.
    Signal(Signal),
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Option<Mutex<Receiver<String>>>,
    log: Log,
    ending: Ending,
    grace: Duration,
    own_group: bool,
}

impl Process {
    /// Takes over a child, its pipes, and what its standard error is logged to.
    pub(crate) fn new(
        name: String,
        mut child: Child,
        log: Log,
        ending: Ending,
        grace: Duration,
        own_group: bool,
    ) -> Self {
        let lines = child.stdout.take().map(|stream| Mutex::new(read_lines(stream)));
        Self { input: child.stdin.take(), name, child, lines, log, ending, grace, own_group }
    }

    /// The name that it has in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id. `setpriv` becomes the program, so that is also the program's.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// If it has no input any more.
    pub fn tell(&mut self, line: impl Display) -> Result<()> {
        let input = self.input.as_mut().with_context(|| format!("{} has no input", self.name))?;
        writeln!(input, "{line}").with_context(|| format!("write to {}", self.name))
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The next line of its output. Returns `None` if none comes within `patience`.
    ///
    /// # Errors
    /// At the end of its output.
    pub fn line(&self, patience: Duration) -> Result<Option<String>> {
        let lines = self.lines.as_ref().with_context(|| format!("{} is not read", self.name))?;
        match lines.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.log.catch_up();
                bail!("{} said nothing more{}", self.name, self.last_words())
            }
        }
    }

    /// Waits for a line of its output that must be `wanted`.
    ///
    /// # Errors
    /// If another line comes, or none within `patience`.
    pub fn expect_line(&self, wanted: &str, patience: Duration) -> Result<()> {
        match self.line(patience)? {
            Some(line) if line == wanted => Ok(()),
            Some(line) => bail!("{} said {line:?}, not {wanted:?}", self.name),
            None => bail!("{} did not say {wanted:?} within {patience:?}", self.name),
        }
    }

    /// What it printed to the log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The last lines of the log.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let text = self.log.text();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The last line of the log that is not empty, behind a colon; nothing if there is none.
    fn last_words(&self) -> String {
        let text = self.log.text();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        last.map_or_else(String::new, |line| format!(": {}", line.trim()))
    }

    /// Its exit status; `None` while it runs.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait().with_context(|| format!("look after {}", self.name))?;
        if status.is_some() {
            self.log.catch_up();
        }
        Ok(status)
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.status(), Ok(None))
    }

    /// # Errors
    /// If it has ended; the message has its status and its last words.
    pub fn check(&mut self) -> Result<()> {
        match self.status()? {
            None => Ok(()),
            Some(status) => bail!("{} ended early: {status}{}", self.name, self.last_words()),
        }
    }

    /// Waits for its end. Returns `None` if that takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.status() {
                Ok(Some(status)) => return Some(status),
                _ if start.elapsed() > patience => return None,
                _ => std::thread::sleep(STEP),
            }
        }
    }

    /// Sends it a signal, and its group where it has one of its own.
    ///
    /// # Errors
    /// If the kernel refuses. A process that was waited for is left alone: its id may be another's.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended() {
            return Ok(());
        }
        let pid = Pid::from_raw(self.id().cast_signed());
        if self.own_group { killpg(pid, signal) } else { kill(pid, signal) }
            .with_context(|| format!("send {signal} to {}", self.name))
    }

    /// Kills it and waits.
    pub fn kill(&mut self) {
        let _ = self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Asks it to end and waits; kills it after the grace time. Returns whether it ended by itself.
    pub fn end(&mut self) -> bool {
        self.close_input();
        if let Ending::Signal(signal) = self.ending {
            let _ = self.signal(signal);
        }
        if self.wait(self.grace).is_some() {
            return true;
        }
        self.kill();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads lines on a thread, to the end of the stream or of their receiver.
fn read_lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if send.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
