//! `cargo xtask soak`: the agent under a mixed load with faults for as long as one likes, and at
//! the end the question whether anything of it grew, and whether its numbers are still those of the
//! kernel.
//!
//! The load comes in equal cycles (`disturb`), so that what the agent takes can be compared between
//! one part of the time and a later one (`judge`). The traffic is that of the lab and of the
//! benchmark.

mod disturb;
mod judge;
mod sample;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use testkit::address::Address;
use testkit::agent::Agent;
use testkit::process::Ending;

use self::disturb::{CYCLE, Disturber};
use self::judge::Claim;
use self::sample::{Sample, Sampler};
use crate::bench::interrupt::Interrupt;
use crate::packages::Consent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, lab, process, workspace};

/// Run the agent under a mixed load with faults, and say whether it stays as it is; needs root.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes of load; fractions are allowed, and at least one.
    #[arg(long, default_value_t = 30.0, value_parser = minutes)]
    minutes: f64,
    /// The agent to run, instead of building it.
    #[arg(long, value_name = "PROGRAM", hide = true, requires = "lab")]
    agent: Option<PathBuf>,
    /// The lab to take traffic from, instead of building it.
    #[arg(long, value_name = "PROGRAM", hide = true)]
    lab: Option<PathBuf>,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// How long `test --full soak` takes, and the soak of the suite, minutes.
pub(crate) const LONG: f64 = 30.0;
const SHORT: f64 = 1.0;
/// How long the agent may take to get ready, or to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A ring that the storm fills while the agent is stopped. Names have series at once: half a minute
/// later is the middle of a short soak, and they would look like growth.
const OPTIONS: [&str; 6] =
    ["--ring-bytes", "262144", "--reconcile-interval", "2", "--young-age", "0"];

fn minutes(text: &str) -> Result<f64> {
    let minutes: f64 = text.parse().context("no number of minutes")?;
    ensure!((1.0..=10_000.0).contains(&minutes), "a soak takes at least one minute");
    Ok(minutes)
}

/// Builds what is needed and soaks.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let given = args.agent.clone().zip(args.lab.clone());
    run(args.minutes, given, args.consent.consent())
}

/// Soaks for half an hour.
pub(crate) fn long(consent: Consent) -> Result<ExitCode> {
    run(LONG, None, consent)
}

/// Soaks with these programs, or with such as are built first; prints what was found.
fn run(minutes: f64, given: Option<(PathBuf, PathBuf)>, consent: Consent) -> Result<ExitCode> {
    ensure!(process::is_root(), "a soak loads the agent and makes network namespaces: be root");
    let (agent, lab) = if let Some(given) = given {
        given
    } else {
        let toolchain = setup::for_build(consent)?;
        (build::agent(&toolchain, build::Profile::Release)?.binary, lab::binary()?)
    };
    let claims = soak(&agent, &lab, Duration::from_secs_f64(minutes * 60.0))?;
    println!("\n{}", judge::table(&claims));
    let failed = claims.iter().filter(|claim| !claim.holds).count();
    println!("soak: {} claims, {failed} failed", claims.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Soaks for a minute with the agent of the suite, as root, and counts that as a test.
pub(crate) fn short(agent: &build::Agent) -> Result<Counts> {
    let this = testkit::program::this_file();
    let mut command = process::privileged(this, "for the soak, which loads the agent")?;
    command.args(["soak", "--minutes", &SHORT.to_string(), "--agent"]).arg(&agent.binary);
    command.arg("--lab").arg(lab::binary()?).env("PATH", workspace::path()?);
    let status = command.status().context("start the soak")?;
    let passed = u64::from(status.success());
    Ok(Counts { passed, failed: 1 - passed })
}

/// Runs the agent and disturbs it for that long; says what can be said of it then.
fn soak(binary: &Path, lab: &Path, length: Duration) -> Result<Vec<Claim>> {
    let interrupt = Interrupt::new()?;
    let _alone = testkit::turn::alone();
    let socket = std::env::temp_dir().join(format!("tcpwarden-soak-{}.sock", std::process::id()));
    let address = Address::Unix(socket);
    let launch = Agent::launch(binary, &address, &OPTIONS).ending(Ending::Signal(Signal::SIGKILL));
    let mut agent = Agent::start(launch, address, PATIENCE)?;
    eprintln!("soak: {} s of load in cycles of {} s", length.as_secs(), CYCLE.as_secs());
    let mut disturber = Disturber::start(lab, &agent, &interrupt)?;
    let (over, start) = (AtomicBool::new(false), Instant::now());
    let sampler = Sampler::of(&agent, start);
    let series = std::thread::scope(|scope| {
        let watching = scope.spawn(|| sampler.run(&over));
        let result = disturb(&mut disturber, &mut agent, start, length, &interrupt);
        over.store(true, Ordering::Relaxed);
        let series = watching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result.map(|()| series)
    })?;
    drop(disturber);
    let mut claims = judge::flat(&series.taken);
    claims.push(Claim::none("questions that were not answered", series.unanswered));
    claims.extend(truth::at_rest(&agent, &interrupt)?);
    claims.extend(truth::end(agent)?);
    Ok(claims)
}

/// Runs cycle after cycle, with a line of progress each.
fn disturb(
    disturber: &mut Disturber<'_>,
    agent: &mut Agent,
    start: Instant,
    length: Duration,
    interrupt: &Interrupt,
) -> Result<()> {
    while start.elapsed() + CYCLE <= length + Duration::from_secs(1) {
        let begun = Instant::now();
        disturber.cycle(agent)?;
        interrupt.sleep(CYCLE.saturating_sub(begun.elapsed()))?;
        let after = start.elapsed().as_secs();
        match Sample::take(agent.process.id(), &agent.client, start) {
            Ok(sample) => eprintln!("soak: {after} of {} s: {sample}", length.as_secs()),
            Err(error) => eprintln!("soak: {after} of {} s: {error:#}", length.as_secs()),
        }
        agent.process.check()?;
    }
    Ok(())
}
