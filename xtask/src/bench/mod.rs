//! `bench`: what the agent costs, measured on this machine beside nothing and beside what one would
//! use instead.
//!
//! Each load runs in network namespaces of its own, under each of its arms in turn (A B C A B C
//! ...). Numbers of one run are comparable with each other, not with those of another machine or
//! time.

mod arms;
pub(crate) mod check;
mod figures;
mod guard;
mod kernel;
mod loads;
mod machine;
mod markdown;
mod measure;
mod memory;
mod page;
mod peers;
mod report;
mod rounds;
mod stage;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod yardstick;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use nix::sched::{CloneFlags, setns};

use self::loads::Spec;
use self::peers::Selection;
use crate::setup::ConsentArgs;

/// Measure what the agent costs here, beside nothing and beside its peers in turn; needs root
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Rounds of each load, every one with each arm once and without any twice
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds of each slot; fractions are allowed
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Live connections for the memory figure
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    connections: u64,
    /// Peers to measure beside the agent: all, none, or of
    /// tcpstates,tcplife,bpftrace,node-exporter
    #[arg(long, default_value = "all")]
    peers: Selection,
    /// Loads: all, or of storm,flip,storm-veth,flip-2,storm-2,kept,bulk,loss
    #[arg(long, default_value = "all", value_delimiter = ',', value_parser = load_name)]
    loads: Vec<LoadName>,
    /// A minute or two instead of ten: three rounds of 0.3 s, a tenth of the connections
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "connections"])]
    quick: bool,
    /// Write every number to a file, raw ones too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the figures into a Markdown file, between the marks that it has for them; the run must
    /// bring figures for all of them
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
    /// Show the numbers of an earlier run from its JSON, instead of measuring
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    from: Option<PathBuf>,
    /// The program to use as the yardstick, instead of building it
    #[arg(long, value_name = "PROGRAM", hide = true)]
    yardstick: Option<PathBuf>,
    #[command(flatten)]
    check: check::CheckArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Make load for `bench`; not for use by hand
#[derive(ClapArgs)]
pub(crate) struct LoadArgs {
    /// A load, statistics, hold or hold-part
    kind: String,
    /// The process in the servers' network namespace, or connections to hold
    #[arg(default_value_t = 0)]
    amount: u64,
}

/// One load, or all of them.
#[derive(Clone, Copy)]
enum LoadName {
    All,
    One(&'static Spec),
}

/// Runs all measurements and prints them.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check.check {
        return check::main(&args.check, args.json.as_deref(), &args.consent);
    }
    measure::main(args)
}

/// Makes load in this process; `bench` starts it inside a namespace of its own.
pub(crate) fn load(args: &LoadArgs) -> Result<()> {
    match args.kind.as_str() {
        "statistics" => kernel::statistics(),
        "hold" => loads::hold(args.amount),
        "hold-part" => loads::hold_part(args.amount),
        name => {
            loads::serve(name, u32::try_from(args.amount).context("no process has such an id")?)
        }
    }
}

fn load_name(text: &str) -> Result<LoadName> {
    if text == "all" { Ok(LoadName::All) } else { loads::find(text).map(LoadName::One) }
}

/// A slot is neither shorter than what is timed in it nor longer than anybody waits.
fn seconds(text: &str) -> Result<f64> {
    let seconds: f64 = text.parse().context("no number of seconds")?;
    anyhow::ensure!((0.1..=60.0).contains(&seconds), "a slot takes from 0.1 to 60 seconds");
    Ok(seconds)
}

/// This program, to be started again inside a namespace: this very file, also when a build has put
/// another in its place.
fn myself() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// Does something in the network namespace of a process; sockets that it makes stay there.
fn inside<T: Send>(pid: u32, work: impl FnOnce() -> T + Send) -> Result<T> {
    let file =
        std::fs::File::open(format!("/proc/{pid}/ns/net")).context("open a network namespace")?;
    let joined = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(&file, CloneFlags::CLONE_NEWNET).context("enter a network namespace")?;
            Ok(work())
        });
        thread.join()
    });
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
