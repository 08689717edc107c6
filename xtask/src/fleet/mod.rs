//! `cargo xtask fleet` and `cargo xtask test --full fleet`: the board Fleet and the shipped rules
//! on a real Prometheus.
//!
//! Two parts. `recorded`: the board over six hours of the recorded series of many machines
//! (`recorded`). `raw`: the rules over the raw series of fleets of several sizes (`raw`). What must
//! hold is about counts and ratios; times are told, and held against the interval of the rules.

mod board;
mod groups;
mod made_up;
mod raw;
mod recorded;
mod replay;
mod turns;
mod verdict;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::replay::Page;
use crate::bench::interrupt::Interrupt;
use crate::packages::Consent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, process, workspace};

/// Time the board Fleet and the rules on a real Prometheus with a made-up fleet.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the parts whose name contains this: `recorded`, `raw`.
    part: Option<String>,
    /// Machines whose recorded series the board is asked for.
    #[arg(long, default_value_t = 1000)]
    nodes: usize,
    /// Machines that are replayed for the rules, smallest fleet first.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 100, 200])]
    replayed: Vec<usize>,
    /// The page that is replayed, instead of making it.
    #[arg(long, value_name = "FILE", hide = true)]
    page: Option<PathBuf>,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// The processes of the page that is replayed.
const PROCESSES: usize = 15;
/// What is shipped.
const BOARD: &str = "dashboards/grafana/tcpwarden-fleet.json";
const ALERTS: &str = "dashboards/prometheus/tcpwarden-alerts.yml";
const RECORDING: &str = "dashboards/prometheus/tcpwarden-recording.yml";
const RULES: [&str; 2] = [ALERTS, RECORDING];
/// Between two scrapes, and between two evaluations of the rules.
const SCRAPE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_secs(30);
/// How long an answer may take: what Prometheus lets a query take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Prepares what is needed and starts this program again, or does the work.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    match &args.page {
        Some(page) => play(args, &read(page)?),
        None => again(std::env::args_os().skip(2), &prepare(args.consent.consent())?),
    }
}

/// The whole of it, or the parts whose name contains `filter`.
pub(crate) fn long(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    again(filter.map(Into::into), &prepare(consent)?)
}

/// Replaces this process by one that has the borrowed programs on its PATH.
fn again(arguments: impl IntoIterator<Item = std::ffi::OsString>, page: &Path) -> Result<ExitCode> {
    let mut command = Command::new(testkit::program::this_file());
    command.arg("fleet").args(arguments).arg("--page").arg(page);
    let error = command.env("PATH", workspace::path()?).exec();
    Err(error).context("start this program again")
}

/// Installs Prometheus, and writes the page that the agent's own code makes up.
fn prepare(consent: Consent) -> Result<PathBuf> {
    let toolchain = setup::for_build(consent)?;
    setup::for_tests(consent)?;
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    let mut command = cargo::cargo("run")?;
    command.args(["--quiet", "--package", "cost", "--bin", "page", "--"]);
    command.arg(PROCESSES.to_string()).env("TCPWARDEN_BPF_OBJECT", &agent.object);
    let text = process::output(&mut command)?;
    let folder = workspace::root().join("target/fleet");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let file = folder.join("page.txt");
    std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    Ok(file)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))
}

/// Runs the parts that are asked for.
fn play(args: &Args, page: &str) -> Result<ExitCode> {
    ensure!(args.replayed.is_sorted() && !args.replayed.is_empty(), "--replayed: smallest first");
    let interrupt = Interrupt::new()?;
    let is_wanted = |name: &str| args.part.as_deref().is_none_or(|part| name.contains(part));
    let mut counts = Counts::default();
    if is_wanted("recorded") {
        counts += recorded::run(page, args.nodes, &interrupt)?;
    }
    if is_wanted("raw") {
        counts += raw::run(Page::read(page)?, &args.replayed, &interrupt)?;
    }
    if counts == Counts::default() {
        bail!("no part has this in its name; there are recorded and raw");
    }
    println!("\n== fleet: {counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
