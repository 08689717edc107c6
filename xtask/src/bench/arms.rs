//! The arms of the comparison: nothing, the agent, the yardstick, and the peers; how each is
//! attached and let go.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use super::guard::{Guarded, Interrupt, Printed, lines, shared};
use super::page::{Page, Source};
use super::stage::Load;

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
    process: Option<Guarded>,
    /// The yardstick's pipes.
    pipes: Option<(ChildStdin, Printed)>,
    printed: Option<File>,
    /// Where it is scraped.
    pub(super) source: Option<Source>,
    signal: Signal,
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
            Kind::Nothing => Ok(Attached {
                process: None,
                pipes: None,
                printed: None,
                source: None,
                signal: Signal::SIGTERM,
            }),
            Kind::Agent(binary) => {
                let socket = std::env::temp_dir()
                    .join(format!("tcpwarden-bench-{}.sock", std::process::id()));
                let mut command = Command::new(binary);
                command
                    .args(["run", "--log", "error", "--listen"])
                    .arg(format!("unix:{}", socket.display()));
                let process = Guarded::start(&self.name, &command, Stdio::null(), Stdio::null())?;
                let attached = Attached::new(process, Some(Source::Unix(socket)));
                attached.answers("/readyz", interrupt)
            }
            Kind::Yardstick { binary, bytes } => {
                let mut command = Command::new(binary);
                command.args(["--bytes", &bytes.to_string()]);
                Attached::new(
                    Guarded::start(&self.name, &command, Stdio::piped(), Stdio::piped())?,
                    None,
                )
                .says("attached", interrupt)
            }
            Kind::Printer { words, objects } => {
                let (program, arguments) =
                    words.split_first().context("a peer without a program")?;
                let mut command = with_tracefs();
                command.arg(program).args(arguments);
                let (file, output) = match printed {
                    Lines::Dropped => (None, Stdio::null()),
                    Lines::Counted => shared().map(|(file, output)| (Some(file), output))?,
                };
                let process = Guarded::start(&self.name, &command, Stdio::null(), output)?;
                let mut attached = Attached::new(process, None);
                (attached.printed, attached.signal) = (file, Signal::SIGINT);
                attached.holds(objects, interrupt)
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
                let process = Guarded::start(&self.name, &command, Stdio::null(), Stdio::null())?;
                Attached::new(process, Some(Source::Inside(load.pid(), EXPORTER)))
                    .answers("/metrics", interrupt)
            }
        }
    }
}

impl Attached {
    fn new(process: Guarded, source: Option<Source>) -> Self {
        Self { process: Some(process), pipes: None, printed: None, source, signal: Signal::SIGTERM }
    }

    /// Waits until it answers a request.
    fn answers(mut self, path: &str, interrupt: &Interrupt) -> Result<Self> {
        let found = interrupt.wait(PATIENCE, || {
            self.check()?;
            Ok(self.source.as_ref().and_then(|source| source.get(path).ok()))
        })?;
        found.context("it did not answer in time")?;
        Ok(self)
    }

    /// Waits for a line of its output.
    fn says(mut self, line: &str, interrupt: &Interrupt) -> Result<Self> {
        let process = self.process.as_mut().context("nothing was started")?;
        let (stdin, printed) = (process.stdin()?, Printed::of(process.stdout()?));
        let said = printed.next(PATIENCE, interrupt).with_context(|| process.said())?;
        anyhow::ensure!(said.trim() == line, "it said {said:?}, not {line:?}");
        self.pipes = Some((stdin, printed));
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
        self.process.as_mut().map_or(Ok(()), Guarded::check)
    }

    /// Processor time of its threads so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.process.as_ref().map_or(Ok(Duration::ZERO), Guarded::cpu)
    }

    /// How often its threads have waited and were woken.
    pub(super) fn wakeups(&self) -> u64 {
        self.process.as_ref().map_or(0, Guarded::wakeups)
    }

    /// Its resident bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.process.as_ref().map_or(Ok(0), Guarded::resident_bytes)
    }

    /// What it holds of the kernel.
    pub(super) fn kernel_objects(&self) -> Vec<String> {
        self.process.as_ref().map(Guarded::kernel_objects).unwrap_or_default()
    }

    /// How many lines it has printed, where they are counted.
    pub(super) fn lines(&self) -> Result<u64> {
        self.printed.as_ref().map_or(Ok(0), lines)
    }

    /// What it exports.
    pub(super) fn page(&self) -> Result<Page> {
        self.source.as_ref().context("it exports nothing")?.get("/metrics")
    }

    /// Lets it go; what it said at the end, and how many lines it printed.
    pub(super) fn detach(mut self, interrupt: &Interrupt) -> Result<(String, u64)> {
        self.check()?;
        if let Some((stdin, printed)) = self.pipes.take() {
            // The yardstick ends with its input, and says what it counted before it does.
            drop(stdin);
            return Ok((
                printed.next(PATIENCE, interrupt).context("the yardstick did not end")?,
                0,
            ));
        }
        if let Some(mut process) = self.process.take() {
            process.end(self.signal)?;
        }
        Ok((String::new(), self.lines()?))
    }
}

/// What runs a tool where the kernel's tracing files are mounted, as on a distribution they are;
/// the mounts are in a namespace of the tool's own and end with it.
fn with_tracefs() -> Command {
    const MOUNT: &str = "for at in debug:debugfs tracing:tracefs; do \
         grep -q \" /sys/kernel/${at%:*} \" /proc/mounts || mount -t ${at#*:} none /sys/kernel/${at%:*} || true; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", MOUNT, "sh"]);
    command
}
