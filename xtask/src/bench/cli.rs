//! What `bench` takes on its command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;

use super::check::CheckArgs;
use super::loads::{self, Spec};
use super::peers::Selection;
use crate::setup::ConsentArgs;

/// Measure what the agent costs here, beside nothing and beside its peers in turn; needs root
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Rounds of each load, every one with each arm once and without any twice
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) rounds: u16,
    /// Seconds of each slot; fractions are allowed
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    pub(super) seconds: f64,
    /// Live connections for the memory figure
    #[arg(
        long,
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub(super) connections: u64,
    /// Peers to measure beside the agent: all, none, or of
    /// tcpstates,tcplife,bpftrace,node-exporter
    #[arg(long, default_value = "all")]
    pub(super) peers: Selection,
    /// Loads: all, or of storm,flip,storm-veth,flip-2,storm-2,kept,bulk,loss
    #[arg(long, default_value = "all", value_delimiter = ',', value_parser = load_name)]
    pub(super) loads: Vec<LoadName>,
    /// A minute or two instead of ten: three rounds of 0.3 s, a tenth of the connections
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "connections"])]
    pub(super) quick: bool,
    /// Write every number to a file, raw ones too
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Put the figures into a Markdown file, between the marks that it has for them; the run must
    /// bring figures for all of them
    #[arg(long, value_name = "FILE")]
    pub(super) update: Option<PathBuf>,
    /// Show the numbers of an earlier run from its JSON, instead of measuring
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(super) from: Option<PathBuf>,
    /// The program to use as the yardstick, instead of building it
    #[arg(long, value_name = "PROGRAM", hide = true)]
    pub(super) yardstick: Option<PathBuf>,
    #[command(flatten)]
    pub(super) check: CheckArgs,
    #[command(flatten)]
    pub(super) consent: ConsentArgs,
}

/// Make load for `bench`; not for use by hand
#[derive(ClapArgs)]
pub(crate) struct LoadArgs {
    /// A load, statistics, hold or hold-part
    pub(super) kind: String,
    /// The process in the servers' network namespace, or connections to hold
    #[arg(default_value_t = 0)]
    pub(super) amount: u64,
}

/// One load, or all of them.
#[derive(Clone, Copy)]
pub(super) enum LoadName {
    /// Every load.
    All,
    /// That one.
    One(&'static Spec),
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
