//! A program that ends with its handle, or with this process.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a program may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// The most bytes that are kept of what a program says; the older half is dropped beyond.
const KEPT: usize = 1 << 20;

/// Where a program's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Kept for whoever asks when something went wrong.
    Kept,
    /// To the terminal.
    Shown,
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a program. It must be started from a thread that lives as long as it should: the
    /// kernel ends it with that thread, however that ends.
    ///
    /// # Errors
    /// When it cannot be started, or `setpriv` of util-linux is missing.
    pub fn start(name: &str, command: &Command, output: Output) -> Result<Self> {
        let mut guarded = Command::new("setpriv");
        guarded
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(variable, value),
                None => guarded.env_remove(variable),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guarded.current_dir(folder);
        }
        // A group of its own: an interrupt at the terminal reaches this process only, which ends
        // the others in order.
        guarded.process_group(0).stdin(Stdio::null());
        if output == Output::Kept {
            guarded.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = guarded.spawn().with_context(|| format!("start {name} through setpriv"))?;
        let said = Arc::new(Mutex::new(String::new()));
        if let Some(stream) = child.stdout.take() {
            keep(stream, Arc::clone(&said));
        }
        if let Some(stream) = child.stderr.take() {
            keep(stream, Arc::clone(&said));
        }
        Ok(Self { name: name.to_owned(), child, said })
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines that it said, as far as they were kept.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<&str> = said.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Asks it to end and waits for that; kills it when it takes too long. Whether it ended by
    /// itself.
    pub fn end(&mut self) -> bool {
        if self.ended() {
            return true;
        }
        // `setpriv` has become the program: they have one id.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if self.ended() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Collects what a program says, so that it never waits for a reader.
fn keep(mut stream: impl std::io::Read + Send + 'static, said: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&String::from_utf8_lossy(&part[..length]));
            if said.len() > KEPT {
                let middle = said.ceil_char_boundary(KEPT / 2);
                said.drain(..middle);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_with_its_handle_and_what_it_said_is_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exec sleep 60"]);
        let mut process = Process::start("a shell", &command, Output::Kept).unwrap();
        let pid = process.child.id();
        let start = Instant::now();
        while process.tail(1) != "two" {
            assert!(start.elapsed() < GRACE, "it said {:?}", process.tail(9));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(process.tail(9), "one\ntwo");
        assert!(!process.ended());
        drop(process);
        assert!(kill(Pid::from_raw(pid.cast_signed()), None).is_err(), "{pid} is still there");
    }
}
