//! The agent as the benchmark sees it: a process with a socket file, asked for its own numbers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process;

/// Time for the last records to be drained and the slow numbers to be read again.
const SETTLE: Duration = Duration::from_millis(2500);
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// A running agent.
pub(super) struct Agent {
    child: Child,
    socket: PathBuf,
}

/// What it said of itself.
pub(super) struct Numbers {
    /// Records applied.
    pub(super) events: f64,
    /// Records lost.
    pub(super) lost: u64,
    /// Its processor time.
    pub(super) cpu_seconds: f64,
}

impl Agent {
    /// Starts it and waits until its first pass is over.
    pub(super) fn start(binary: &Path, verbose: bool) -> Result<Self> {
        let socket = std::env::temp_dir().join(format!("tcpwarden-bench-{}.sock", std::process::id()));
        let mut command = Command::new(binary);
        command.args(["run", "--log", if verbose { "info" } else { "warn" }, "--listen"]).arg(format!("unix:{}", socket.display()));
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start {}", binary.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the agent has no output")?).read_line(&mut line)?;
        anyhow::ensure!(line.starts_with("listening on"), "the agent did not start");
        sleep(SETTLE);
        Ok(Self { child, socket })
    }

    /// Its own numbers, once they have settled.
    pub(super) fn numbers(&self) -> Result<Numbers> {
        sleep(SETTLE);
        let page = self.page()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let lost = sum(&page, "tcpwarden_events_lost_total") as u64;
        Ok(Numbers { events: sum(&page, "tcpwarden_events_total"), lost, cpu_seconds: self.cpu_seconds()? })
    }

    /// Runs and mean nanoseconds of every probe that ran.
    pub(super) fn probe_runs(&self) -> Result<Vec<(String, f64, f64)>> {
        sleep(SETTLE);
        let page = self.page()?;
        let probes =
            page.lines().filter_map(|line| line.strip_prefix("tcpwarden_bpf_runs_total{probe=\"")?.split_once('"')).map(|(probe, _)| probe);
        let figures = probes.map(|probe| {
            let of = |family: &str| sum(&page, &format!("{family}{{probe=\"{probe}\"}}"));
            let runs = of("tcpwarden_bpf_runs_total");
            (probe.to_owned(), runs, of("tcpwarden_bpf_run_seconds_total") / runs * 1e9)
        });
        Ok(figures.collect())
    }

    /// Resident bytes, and how many sockets it follows.
    pub(super) fn memory(&self) -> Result<(f64, f64)> {
        sleep(SETTLE);
        let page = self.page()?;
        Ok((sum(&page, "process_resident_memory_bytes"), sum(&page, "tcpwarden_connections_tracked")))
    }

    /// Ends it as a service manager would.
    pub(super) fn stop(mut self) -> Result<()> {
        process::run(Command::new("kill").arg(self.child.id().to_string()))?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }

    /// Processor time of all its threads, from the scheduler's own nanoseconds.
    fn cpu_seconds(&self) -> Result<f64> {
        let mut total = 0.0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            total += text.split_whitespace().next().context("an empty schedstat")?.parse::<f64>()?;
        }
        Ok(total / 1e9)
    }

    fn page(&self) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket).context("ask the agent")?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }
}

/// The sum of all series of a family (or of one series, where the name carries its labels).
fn sum(page: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let value = if rest.starts_with('{') { rest.rsplit_once(' ')?.1 } else { rest.strip_prefix(' ')? };
        value.parse::<f64>().ok()
    };
    page.lines().filter_map(value).sum()
}

/// The kernel's statistics of BPF programs, on as long as this value lives.
pub(super) struct KernelStatistics {
    before: String,
}

impl KernelStatistics {
    /// Switches them on.
    pub(super) fn on() -> Result<Self> {
        let before = fs::read_to_string(STATISTICS).with_context(|| format!("read {STATISTICS}"))?;
        fs::write(STATISTICS, "1").with_context(|| format!("write {STATISTICS}"))?;
        Ok(Self { before })
    }
}

impl Drop for KernelStatistics {
    fn drop(&mut self) {
        if let Err(error) = fs::write(STATISTICS, self.before.trim()) {
            eprintln!("cannot set {STATISTICS} back to {}: {error}", self.before.trim());
        }
    }
}
