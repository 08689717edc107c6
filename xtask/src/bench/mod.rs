//! `bench`: what the agent costs, measured on this machine with and without it in turn.
//!
//! A storm of connections on the loopback of a network namespace of its own, without and with the
//! agent, A B A B; the kernel's own figures for each probe; the agent's processor time per record;
//! its memory at rest and with many live connections. Numbers of one run are comparable with each
//! other, not with those of another machine.

mod agent;
pub(crate) mod check;
mod load;

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;

use self::agent::Agent;
use self::load::Storm;
use crate::build::{self, Profile};
use crate::process;
use crate::setup::{self, ConsentArgs};

/// Measure what the agent costs here, with and without it in turn; needs root
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Rounds of the storm, each once without and once with the agent
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of each storm
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Live connections for the memory figure
    #[arg(long, default_value_t = 100_000)]
    connections: usize,
    /// Write every number to a file, raw ones too
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
    #[command(flatten)]
    check: check::CheckArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Make load for `bench`; not for use by hand
#[derive(ClapArgs)]
pub(crate) struct LoadArgs {
    /// storm or hold
    kind: String,
    /// Seconds of the storm, or connections to hold
    amount: u64,
}

/// Runs all measurements and prints them.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check.check {
        return check::main(&args.check, args.json.as_deref(), &args.consent);
    }
    anyhow::ensure!(process::is_root(), "the agent loads BPF programs: run `cargo xtask bench` as root");
    let toolchain = setup::for_build(args.consent.consent())?;
    let built = build::agent(&toolchain, Profile::Release)?;
    storms(args, &built.binary)?;
    probes(args, &built.binary)?;
    memory(args, &built.binary)
}

/// Makes load in this process; `bench` starts it inside a namespace of its own.
pub(crate) fn load(args: &LoadArgs) -> Result<()> {
    match args.kind.as_str() {
        "storm" => load::storm(Duration::from_secs(args.amount)),
        "hold" => load::hold(args.amount),
        "hold-part" => load::hold_part(args.amount),
        other => anyhow::bail!("there is no load {other:?}: storm, hold"),
    }
}

/// Throughput and cost per connection without and with the agent.
fn storms(args: &Args, binary: &std::path::Path) -> Result<()> {
    println!(
        "storm: connect, accept, close, close on loopback, one thread; {} rounds of {} s, without and with the agent in turn",
        args.rounds, args.seconds
    );
    let (mut without, mut with, mut per_million, mut lost) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 1..=args.rounds {
        let bare = Storm::run(args.seconds)?;
        let agent = Agent::start(binary, false)?;
        let before = agent.numbers()?;
        let watched = Storm::run(args.seconds)?;
        let after = agent.numbers()?;
        let records = after.events - before.events;
        per_million.push((after.cpu_seconds - before.cpu_seconds) / records * 1e6);
        lost += after.lost - before.lost;
        agent.stop()?;
        println!(
            "  round {round}: without {:.0}/s {:.2} us, with {:.0}/s {:.2} us, ratio {:.3}",
            bare.rate,
            bare.cpu_us,
            watched.rate,
            watched.cpu_us,
            watched.rate / bare.rate
        );
        without.push(bare);
        with.push(watched);
    }
    let ratios = without.iter().zip(&with).map(|(bare, watched)| watched.rate / bare.rate);
    let added = without.iter().zip(&with).map(|(bare, watched)| watched.cpu_us - bare.cpu_us);
    println!("  connections/s with over without: {}", spread(ratios, 3));
    println!("  processor time added to the load, us a connection: {}", spread(added, 2));
    println!("  agent's processor seconds per million records: {}", spread(per_million.into_iter(), 3));
    println!("  records lost: {lost}");
    Ok(())
}

/// Nanoseconds per run of each probe, by the kernel's own count.
fn probes(args: &Args, binary: &std::path::Path) -> Result<()> {
    let statistics = agent::KernelStatistics::on()?;
    let agent = Agent::start(binary, false)?;
    Storm::run(args.seconds)?;
    let runs = agent.probe_runs()?;
    agent.stop()?;
    drop(statistics);
    println!("probes: kernel.bpf_stats_enabled=1 during a storm of {} s (the kernel's own measuring is in the figure)", args.seconds);
    for (probe, runs, nanoseconds) in runs {
        println!("  {probe}: {runs:.0} runs, {nanoseconds:.0} ns each");
    }
    Ok(())
}

/// Resident memory at rest and with many live connections.
fn memory(args: &Args, binary: &std::path::Path) -> Result<()> {
    let agent = Agent::start(binary, false)?;
    let (idle, rows) = agent.memory()?;
    println!("memory: {:.1} MiB resident with {rows} sockets", idle / f64::from(1 << 20));
    let load = load::Held::start(args.connections)?;
    let (full, rows) = agent.memory()?;
    println!("memory: {:.1} MiB resident with {rows} sockets, both ends of {} connections", full / f64::from(1 << 20), args.connections);
    drop(load);
    agent.stop()
}

/// Median with the least and the greatest.
fn spread(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    format!("median {:.digits$} ({:.digits$} to {:.digits$})", at(sorted.len() / 2), at(0), at(sorted.len().saturating_sub(1)))
}

/// This program, to be started again inside a namespace.
fn myself() -> Result<std::path::PathBuf> {
    std::env::current_exe().context("find this program")
}
