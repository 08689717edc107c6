//! Processes that never outlive the benchmark, and the wish that it end early.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often something is looked for that takes a while.
const LOOK: Duration = Duration::from_millis(10);

/// Whether somebody wants the benchmark to end. From its creation on signals end nothing by
/// themselves.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to the signals.
    pub(super) fn new() -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&over)).context("listen to signals")?;
        }
        Ok(Self(over))
    }

    /// An error once a signal has come.
    pub(super) fn check(&self) -> Result<()> {
        anyhow::ensure!(!self.0.load(Ordering::Relaxed), "interrupted; what was started is ended");
        Ok(())
    }

    /// Sleeps, unless a signal comes.
    pub(super) fn sleep(&self, time: Duration) -> Result<()> {
        self.wait(time, || Ok(None::<()>)).map(drop)
    }

    /// Looks for something until it is there; nothing where it does not come in time.
    pub(super) fn wait<T>(
        &self,
        time: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let start = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            self.check()?;
            let Some(left) = time.checked_sub(start.elapsed()) else { return Ok(None) };
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// A process that ends with this value, and with the benchmark however that ends.
pub(super) struct Guarded {
    name: String,
    child: Child,
    errors: File,
}

impl Guarded {
    /// Starts it in a process group of its own: what is typed at the terminal is for the benchmark,
    /// which ends all in order. To be called from the main thread, because the kernel ends it
    /// with the thread that started it.
    pub(super) fn start(
        name: &str,
        command: &Command,
        stdin: Stdio,
        stdout: Stdio,
    ) -> Result<Self> {
        let errors = unnamed().context("make a file for what a process complains about")?;
        let mut guarded = Command::new("setpriv");
        guarded
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        guarded.env("PATH", crate::workspace::path()?).process_group(0);
        without_settings(&mut guarded, std::env::vars_os().map(|(name, _)| name));
        let said = errors.try_clone().context("share that file")?;
        let child = guarded
            .stdin(stdin)
            .stdout(stdout)
            .stderr(said)
            .spawn()
            .with_context(|| format!("start {name} through setpriv"))?;
        Ok(Self { name: name.to_owned(), child, errors })
    }

    /// Its process id: what it was started through has become it.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The pipe to it.
    pub(super) fn stdin(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().with_context(|| format!("{} has no input", self.name))
    }

    /// The pipe from it.
    pub(super) fn stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("{} has no output", self.name))
    }

    /// The last line of what it complained about.
    pub(super) fn said(&self) -> String {
        let mut bytes = vec![0; 4096];
        let length = self.errors.read_at(&mut bytes, 0).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("it said nothing")
            .trim()
            .to_owned()
    }

    /// An error when it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("look after {}", self.name))? {
            None => Ok(()),
            Some(status) => bail!("{} ended, {status}: {}", self.name, self.said()),
        }
    }

    /// Processor time of all its threads, ended ones too.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let clock = clock_getcpuclockid(Pid::from_raw(self.pid().cast_signed()))
            .with_context(|| format!("find the clock of {}", self.name))?;
        Ok(clock_gettime(clock).with_context(|| format!("read the clock of {}", self.name))?.into())
    }

    /// How often its threads have waited and were woken; threads that ended are not among them.
    pub(super) fn wakeups(&self) -> u64 {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else { return 0 };
        let texts = threads
            .flatten()
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
        let own = |text: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?
                .trim()
                .parse::<u64>()
                .ok()
        };
        texts.filter_map(|text| own(&text)).sum()
    }

    /// Resident bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .with_context(|| format!("read the status of {}", self.name))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no resident memory is told")?;
        Ok(line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .context("read the resident memory")?
            << 10)
    }

    /// What it holds of the kernel: the kinds of its anonymous descriptors, sorted.
    pub(super) fn kernel_objects(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", self.pid())) else {
            return Vec::new();
        };
        let links = entries
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .map(|link| link.to_string_lossy().into_owned());
        let mut objects: Vec<String> =
            links.filter(|link| link.starts_with("anon_inode:")).collect();
        objects.sort();
        objects
    }

    /// It and what it has started.
    fn group(&self) -> Pid {
        Pid::from_raw(self.pid().cast_signed())
    }

    /// Asks it and what it has started to end and waits for it; kills all of them when that takes
    /// too long.
    pub(super) fn end(&mut self, signal: Signal) -> Result<()> {
        drop(self.child.stdin.take());
        let start = Instant::now();
        // A process that was waited for is gone, and its id may be another's.
        if matches!(self.child.try_wait(), Ok(None)) {
            killpg(self.group(), signal).with_context(|| format!("end {}", self.name))?;
        }
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > GRACE {
                killpg(self.group(), Signal::SIGKILL)
                    .with_context(|| format!("kill {}", self.name))?;
                self.child.wait().with_context(|| format!("wait for {}", self.name))?;
                bail!("{} had to be killed", self.name);
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.end(Signal::SIGTERM) {
            eprintln!("bench: {error:#}");
        }
    }
}

/// Keeps the settings of whoever measures from a process: the agent is measured with its defaults.
fn without_settings(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(b"TCPWARDEN_")) {
        command.env_remove(name);
    }
}

/// A file without a name, which is gone with its last descriptor.
fn unnamed() -> Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = std::env::temp_dir().join(format!(
        "tcpwarden-bench-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A file without a name, and a second handle on it for a process to write to.
pub(super) fn shared() -> Result<(File, Stdio)> {
    let file = unnamed().context("make a file for a process to write to")?;
    let other = file.try_clone().context("share that file")?;
    Ok((file, other.into()))
}

/// How many lines were written to such a file.
pub(super) fn lines(file: &File) -> Result<u64> {
    let (mut at, mut lines, mut bytes) = (0, 0, vec![0; 1 << 16]);
    loop {
        let length = file.read_at(&mut bytes, at).context("read what a process printed")?;
        if length == 0 {
            return Ok(lines);
        }
        lines += bytes[..length].split(|byte| *byte == b'\n').count() as u64 - 1;
        at += length as u64;
    }
}

/// The lines that a process prints, as they come.
pub(super) struct Printed(Receiver<String>);

impl Printed {
    /// Reads them on a thread of their own, which ends with the process.
    pub(super) fn of(stdout: ChildStdout) -> Self {
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// The next one, unless it takes too long, the process ends, or the run is interrupted.
    pub(super) fn next(&self, patience: Duration, interrupt: &Interrupt) -> Result<String> {
        let start = Instant::now();
        loop {
            match self.0.recv_timeout(LOOK) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => bail!("it said nothing more"),
                Err(RecvTimeoutError::Timeout) => interrupt.check()?,
            }
            anyhow::ensure!(start.elapsed() < patience, "it said nothing for {patience:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_agent_in_the_environment_do_not_reach_what_is_measured() {
        let mut command = Command::new("true");
        without_settings(
            &mut command,
            ["TCPWARDEN_RING_BYTES", "TCPWARDEN_CONFIG", "HOME", "MY_TCPWARDEN_"]
                .map(OsString::from)
                .into_iter(),
        );
        let changed: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_str().unwrap(), value)).collect();
        assert_eq!(changed, [("TCPWARDEN_CONFIG", None), ("TCPWARDEN_RING_BYTES", None)]);
    }
}
