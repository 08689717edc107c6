//! How a child process is started: where its output goes, what ends it, what it must not outlive.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use crate::log::Log;
use crate::process::{Ending, Process};

/// Default grace time of [`Process::end`].
const GRACE: Duration = Duration::from_secs(15);

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
        Ok(Process::new(name, child, log, ending, grace, own_group))
    }
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

#[cfg(test)]
mod tests {
    use nix::sys::signal::kill;
    use nix::unistd::Pid;

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
