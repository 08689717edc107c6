//! Child processes that end with their handles.
//!
//! Guarantees: when a [`Process`] is dropped, it is asked to end in its own way, killed after a
//! grace time, and waited for. What it prints is always read, so that it never blocks on a full
//! pipe.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::log::Log;

/// Default grace time of [`Process::end`].
const GRACE: Duration = Duration::from_secs(15);
/// Time between two looks at a process that is about to end.
const STEP: Duration = Duration::from_millis(5);
/// The most bytes of a line; a longer one comes in pieces.
const LINE: u64 = 64 << 10;

/// Where the output of a process goes.
#[derive(Debug)]
pub enum Output {
    /// Standard output is read line by line; standard error is that of this process.
    Lines,
    /// Standard output is read line by line; standard error is logged.
    LinesAndLog,
    /// Both are logged.
    Log,
    /// Standard output goes there; standard error is logged.
    To(Stdio),
    /// Both are those of this process.
    Inherited,
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By the end of its standard input, which is a pipe.
    Input,
    /// By a signal; its standard input is /dev/null.
    Signal(Signal),
}

/// A process to be started.
#[derive(Debug)]
pub struct Launch {
    name: String,
    command: Command,
    output: Output,
    ending: Ending,
    grace: Duration,
    own_group: bool,
    tied: bool,
}

impl Launch {
    /// A command under the name that it has in messages. By default its lines are read, and
    /// SIGTERM ends it.
    #[must_use]
    pub fn new(name: &str, command: Command) -> Self {
        Self {
            name: name.to_owned(),
            command,
            output: Output::Lines,
            ending: Ending::Signal(Signal::SIGTERM),
            grace: GRACE,
            own_group: false,
            tied: false,
        }
    }

    /// Where its output goes.
    #[must_use]
    pub fn output(self, output: Output) -> Self {
        Self { output, ..self }
    }

    /// How it is asked to end.
    #[must_use]
    pub fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// How long it may take to end before it is killed; 15 s by default.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Starts it in a process group of its own: an interrupt at the terminal then reaches this
    /// process only, which ends the others in order. Signals go to the whole group.
    #[must_use]
    pub fn own_group(self) -> Self {
        Self { own_group: true, ..self }
    }

    /// Starts it in a process group of its own through `setpriv` (util-linux), so that the kernel
    /// ends it when this process is killed (`PR_SET_PDEATHSIG`).
    ///
    /// The kernel also ends it with the *thread* that starts it: call [`Launch::spawn`] on a thread
    /// that lives long enough.
    #[must_use]
    pub fn tied(self) -> Self {
        Self { own_group: true, tied: true, ..self }
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the program, or `setpriv` where it is needed, cannot be started.
    pub fn spawn(self) -> Result<Process> {
        let Self { name, command, output, ending, grace, own_group, tied } = self;
        let mut command = if tied { through_setpriv(&command) } else { command };
        if own_group {
            command.process_group(0);
        }
        command.stdin(if ending == Ending::Input { Stdio::piped() } else { Stdio::null() });
        let mut both = None;
        match output {
            Output::Lines => command.stdout(Stdio::piped()),
            Output::LinesAndLog => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Output::Log => {
                let (reader, writer) = std::io::pipe().context("make a pipe")?;
                both = Some(reader);
                command.stdout(writer.try_clone().context("share a pipe")?).stderr(writer)
            }
            Output::To(stdout) => command.stdout(stdout).stderr(Stdio::piped()),
            Output::Inherited => &mut command,
        };
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let log = match (both, child.stderr.take()) {
            (Some(both), _) => Log::of(both),
            (None, Some(errors)) => Log::of(errors),
            (None, None) => Log::default(),
        };
        let lines = child.stdout.take().map(|stream| Mutex::new(read_lines(stream)));
        Ok(Process { input: child.stdin.take(), name, child, lines, log, ending, grace, own_group })
    }
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

/// The file of the running program: this very file, also if a build has put another in its place.
#[must_use]
pub fn this_file() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// A command that starts the running program again. `name` is what it is called in the process list
/// until it sets its own name.
#[must_use]
pub fn this_program(name: &str) -> Command {
    let mut command = Command::new(this_file());
    command.arg0(name);
    command
}

/// The same command, started by `setpriv` with a death signal.
fn through_setpriv(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(variable, value),
            None => tied.env_remove(variable),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Launch::new("a shell", command)
    }

    #[test]
    fn a_program_ends_with_its_handle_and_what_it_said_is_kept() {
        let launch = shell("echo one; echo two >&2; exec sleep 60").output(Output::Log).tied();
        let process = launch.spawn().unwrap();
        let pid = process.id();
        let said = || (process.log().lines().count() == 2).then(|| process.tail(9));
        assert_eq!(crate::wait::wait_for("two lines", GRACE, said), "one\ntwo");
        assert_eq!(process.tail(1), "two");
        drop(process);
        assert!(kill(Pid::from_raw(pid.cast_signed()), None).is_err(), "{pid} is still there");
    }

    #[test]
    fn a_program_that_ignores_its_signal_is_killed_and_one_that_reads_ends_by_itself() {
        let stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
        let mut process = stubborn.own_group().grace(Duration::from_millis(50)).spawn().unwrap();
        process.expect_line("ready", GRACE).unwrap();
        process.check().unwrap();
        assert!(!process.end());
        let mut process = shell("cat; echo bye >&2; exit 3")
            .output(Output::LinesAndLog)
            .ending(Ending::Input)
            .spawn()
            .unwrap();
        process.tell("hello").unwrap();
        process.expect_line("hello", GRACE).unwrap();
        assert!(process.end());
        let error = process.check().unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("bye"), "{error}");
    }
}
