//! The arms of the comparison: nothing, the agent, the yardstick, and the peers; how each is
//! attached and let go.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use testkit::address::Address;
use testkit::agent::Agent;
use testkit::launch::Output;
use testkit::page::Page;
use testkit::process::{Ending, Process};

use super::interrupt::Interrupt;
use super::launch::launch;
use super::printed::{lines, shared};
use super::source::Source;
use super::stage::Load;
use super::usage;

/// How long something may take to be attached.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between the last descriptor of a peer and the measurement: it may have opened it a moment before
/// it attaches.
const SETTLE: Duration = Duration::from_millis(150);
/// The port of the exporter in the load's own network namespace.
const EXPORTER: u16 = 9100;

/// One arm.
#[derive(Debug)]
pub(super) struct Arm {
    /// How it is called in the tables.
    pub(super) name: String,
    /// How it is watched with.
    pub(super) kind: Kind,
}

/// What an arm attaches.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing at all.
    Nothing,
    /// The agent, scraped.
    Agent(PathBuf),
    /// One ring record for each transition and nothing else, or nothing at all.
    Yardstick {
        /// The program.
        binary: PathBuf,
        /// The size of its record; 0 where it makes none.
        bytes: usize,
    },
    /// A tool that prints a line for each event.
    Printer {
        /// The program and its arguments.
        words: Vec<String>,
        /// What it holds of the kernel once it is attached; empty where nobody has seen that yet.
        objects: Vec<String>,
    },
    /// A program that reads the kernel's lists when it is scraped.
    Exporter(PathBuf),
}

/// Where a printer's lines go.
pub(super) enum Lines {
    /// To /dev/null.
    Dropped,
    /// Counted.
    Counted,
}

/// An arm that is attached.
pub(super) struct Attached {
    process: Option<Process>,
    /// The file that its lines go to, where they are counted.
    printed: Option<File>,
    /// Whether its last line is what it counted.
    counts: bool,
    /// Where it is scraped.
    pub(super) source: Option<Source>,
}

impl Arm {
    /// Attaches it and waits until it is.
    pub(super) fn attach(
        &self,
        load: &Load,
        printed: &Lines,
        interrupt: &Interrupt,
    ) -> Result<Attached> {
        match &self.kind {
            Kind::Nothing => {
                Ok(Attached { process: None, printed: None, counts: false, source: None })
            }
            Kind::Agent(binary) => {
                let socket = std::env::temp_dir()
                    .join(format!("tcpwarden-bench-{}.sock", std::process::id()));
                let address = Address::Unix(socket.clone());
                let command = Agent::command(binary, &address, &["--log", "error"]);
                let process = self.start(command, Stdio::null())?;
                Attached::new(process, Some(Source::unix(socket))).answers("/readyz", interrupt)
            }
            Kind::Yardstick { binary, bytes } => {
                let mut command = Command::new(binary);
                command.args(["--bytes", &bytes.to_string()]);
                let launch = launch(&self.name, command)?.output(Output::LinesAndLog);
                let process = launch.ending(Ending::Input).spawn()?;
                let said = interrupt.line(&process, PATIENCE)?;
                anyhow::ensure!(said.trim() == "attached", "it said {said:?}, not \"attached\"");
                Ok(Attached { counts: true, ..Attached::new(process, None) })
            }
            Kind::Printer { words, objects } => {
                let (program, arguments) =
                    words.split_first().context("a peer without a program")?;
                let mut command = with_tracefs();
                command.arg(program).args(arguments);
                let (printed, output) = match printed {
                    Lines::Dropped => (None, Stdio::null()),
                    Lines::Counted => shared().map(|(file, output)| (Some(file), output))?,
                };
                let launch = launch(&self.name, command)?.output(Output::To(output));
                let process = launch.ending(Ending::Signal(Signal::SIGINT)).spawn()?;
                Attached { printed, ..Attached::new(process, None) }.holds(objects, interrupt)
            }
            Kind::Exporter(binary) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/proc/{}/ns/net", load.pid())).arg(binary);
                command.args([
                    "--collector.disable-defaults",
                    "--collector.tcpstat",
                    "--log.level=error",
                ]);
                command.arg(format!("--web.listen-address=127.0.0.1:{EXPORTER}"));
                let process = self.start(command, Stdio::null())?;
                Attached::new(process, Some(Source::inside(load.pid(), EXPORTER)))
                    .answers("/metrics", interrupt)
            }
        }
    }

    fn start(&self, command: Command, output: Stdio) -> Result<Process> {
        launch(&self.name, command)?.output(Output::To(output)).spawn()
    }
}

impl Attached {
    fn new(process: Process, source: Option<Source>) -> Self {
        Self { process: Some(process), printed: None, counts: false, source }
    }

    /// Waits until it answers a request.
    fn answers(mut self, path: &str, interrupt: &Interrupt) -> Result<Self> {
        let found = interrupt.wait(PATIENCE, || {
            self.check()?;
            Ok(self.source.as_ref().and_then(|source| source.text(path).ok()))
        })?;
        found.context("it did not answer in time")?;
        Ok(self)
    }

    /// Waits until it holds of the kernel what it held when it was seen at work.
    fn holds(mut self, objects: &[String], interrupt: &Interrupt) -> Result<Self> {
        if objects.is_empty() {
            return Ok(self);
        }
        let found = interrupt.wait(PATIENCE, || {
            self.check()?;
            Ok((self.kernel_objects() == objects).then_some(()))
        })?;
        found.context("it did not attach in time")?;
        interrupt.sleep(SETTLE)?;
        Ok(self)
    }

    /// An error when it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::check)
    }

    /// Processor time of its threads so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.process.as_ref().map_or(Ok(Duration::ZERO), usage::cpu)
    }

    /// How often its threads have waited and were woken.
    pub(super) fn wakeups(&self) -> u64 {
        self.process.as_ref().map_or(0, usage::wakeups)
    }

    /// Its resident bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.process.as_ref().map_or(Ok(0), usage::resident_bytes)
    }

    /// What it holds of the kernel.
    pub(super) fn kernel_objects(&self) -> Vec<String> {
        self.process.as_ref().map(usage::kernel_objects).unwrap_or_default()
    }

    /// How many lines it has printed, where they are counted.
    pub(super) fn lines(&self) -> Result<u64> {
        self.printed.as_ref().map_or(Ok(0), lines)
    }

    /// What it exports.
    pub(super) fn page(&self) -> Result<Page> {
        self.source.as_ref().context("it exports nothing")?.page()
    }

    /// Lets it go. Returns what it said at the end, and how many lines it printed.
    pub(super) fn detach(mut self, interrupt: &Interrupt) -> Result<(String, u64)> {
        self.check()?;
        let Some(mut process) = self.process.take() else { return Ok((String::new(), 0)) };
        if self.counts {
            // The yardstick ends with its input, and says what it counted before it does.
            process.close_input();
            let said = interrupt.line(&process, PATIENCE).context("the yardstick did not end")?;
            return Ok((said, 0));
        }
        anyhow::ensure!(process.end(), "{} had to be killed", process.name());
        Ok((String::new(), self.lines()?))
    }
}

/// What runs a tool where the kernel's tracing files are mounted, as on a distribution they are;
/// the mounts are in a namespace of the tool's own and end with it.
fn with_tracefs() -> Command {
    const MOUNT: &str = "for at in debug:debugfs tracing:tracefs; do \
         grep -q \" /sys/kernel/${at%:*} \" /proc/mounts || mount -t ${at#*:} none \
        /sys/kernel/${at%:*} || true; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", MOUNT, "sh"]);
    command
}
