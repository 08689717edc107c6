//! `cargo xtask fleet` and `cargo xtask test --full fleet`: the fleet board and the shipped rules
//! on a real Prometheus.
//!
//! Two parts. `recorded`: the fleet board over six hours of the recorded series of many nodes
//! (`recorded`). `raw`: the rules over the raw series of fleets of several sizes (`raw`). What must
//! hold is about counts and ratios; times are told, and held against the interval of the rules.

mod grafana;
mod groups;
mod inventory;
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

use self::inventory::Inventory;
use self::replay::Page;
use crate::bench::interrupt::Interrupt;
use crate::packages::Consent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, process, workspace};

/// Time the fleet board and the rules on a real Prometheus with a made-up fleet.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the parts whose name contains this: `recorded`, `raw`.
    part: Option<String>,
    /// Nodes whose recorded series the board is asked for.
    #[arg(long, default_value_t = NODES)]
    nodes: usize,
    /// Nodes that are replayed for the rules, smallest fleet first.
    #[arg(long, value_delimiter = ',', default_values_t = REPLAYED)]
    replayed: Vec<usize>,
    /// Minutes for which they are replayed, at least three.
    #[arg(long, default_value_t = MINUTES)]
    minutes: u64,
    /// Another board than that of the fleet, by a part of its uid or title.
    #[arg(long)]
    board: Option<String>,
    /// The folder with the inventory and the page, instead of making them.
    #[arg(long, value_name = "FOLDER", hide = true)]
    prepared: Option<PathBuf>,
    #[command(flatten)]
    consent: ConsentArgs,
}

const NODES: usize = 1000;
const REPLAYED: [usize; 3] = [50, 100, 200];
const MINUTES: u64 = 15;
/// The processes of the page that is replayed.
const PROCESSES: usize = 15;
/// The parts, by name.
const RECORDED: &str = "recorded";
const RAW: &str = "raw";
/// The files of the folder that is prepared.
const INVENTORY: &str = "inventory.json";
const PAGE: &str = "page.txt";

/// Prepares what is needed and starts this program again, or does the work.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let Some(prepared) = &args.prepared else {
        let prepared = prepare(args.consent.consent())?;
        return again(std::env::args_os().skip(2), &prepared);
    };
    play(args, prepared)
}

/// The whole of it, or the parts whose name contains `filter`.
pub(crate) fn long(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    let prepared = prepare(consent)?;
    again(filter.map(Into::into), &prepared)
}

/// Replaces this process by one that has the borrowed programs on its PATH.
fn again(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    prepared: &Path,
) -> Result<ExitCode> {
    let mut command = Command::new(testkit::program::this_file());
    command.arg("fleet").args(arguments).arg("--prepared").arg(prepared);
    let error = command.env("PATH", workspace::path()?).exec();
    Err(error).context("start this program again")
}

/// Installs Prometheus, and writes what the fleet is made of.
fn prepare(consent: Consent) -> Result<PathBuf> {
    setup::for_prometheus()?;
    let object = match std::env::var_os("TCPWARDEN_BPF_OBJECT") {
        Some(object) => PathBuf::from(object),
        None => build::agent(&setup::for_build(consent)?, build::Profile::Release)?.object,
    };
    let folder = workspace::root().join("target/fleet");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let keep = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    };
    let run = |package: &[&str], arguments: &[&str]| -> Result<String> {
        let mut command = cargo::cargo("run")?;
        command.arg("--quiet").args(package).arg("--").args(arguments);
        process::output(command.env("TCPWARDEN_BPF_OBJECT", &object))
    };
    eprintln!("fleet: building what prints the boards, the rules and the page");
    keep(INVENTORY, run(&["--package", "dashboards"], &["--inventory", made_up::CLUSTER])?)?;
    let page = ["--package", "cost", "--bin", "page"];
    keep(PAGE, run(&page, &[&PROCESSES.to_string()])?)?;
    Ok(folder)
}

/// Runs the parts that are asked for.
fn play(args: &Args, prepared: &Path) -> Result<ExitCode> {
    ensure!(args.minutes >= 3, "the rules are timed for at least three minutes");
    ensure!(args.replayed.is_sorted() && !args.replayed.is_empty(), "--replayed: smallest first");
    let read = |name: &str| {
        let file = prepared.join(name);
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
    };
    let inventory: Inventory =
        serde_json::from_str(&read(INVENTORY)?).context("read the inventory")?;
    let interrupt = Interrupt::new()?;
    let is_wanted = |name: &str| args.part.as_deref().is_none_or(|part| name.contains(part));
    let mut counts = Counts::default();
    if is_wanted(RECORDED) {
        let board = inventory.board(args.board.as_deref())?;
        counts += recorded::run(&inventory, board, args.nodes, &interrupt)?;
    }
    if is_wanted(RAW) {
        let page = Page::read(&read(PAGE)?)?;
        let length = Duration::from_mins(args.minutes);
        counts += raw::run(&inventory, page, &args.replayed, length, &interrupt)?;
    }
    if counts == Counts::default() {
        bail!("no part has this in its name; there are {RECORDED} and {RAW}");
    }
    println!("\n== fleet: {counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
