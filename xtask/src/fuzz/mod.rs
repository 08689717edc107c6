//! `cargo xtask fuzz` and `cargo xtask test --full fuzz`: the agent's fuzz targets under libFuzzer.
//!
//! The targets are functions of the agent (`agent/src/fuzz`), the program around them is
//! `agent/fuzz`. It is built with the stable compiler: the flags that count edges are those of
//! LLVM, which every rustc passes on. What was found in earlier runs stays in `target/fuzz`.

mod said;
mod session;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use self::session::{Ended, Session};
use crate::bench::interrupt::Interrupt;
use crate::{cargo, workspace};

/// Run the agent's fuzz targets under libFuzzer, and say what each covered.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes for all targets together; fractions are allowed.
    #[arg(long, default_value_t = LONG, value_parser = minutes)]
    minutes: f64,
    /// Add some of what reaches edges that no file of the corpora reaches to agent/fuzz/corpus.
    #[arg(long)]
    keep: bool,
    /// Only the targets whose name contains this.
    filter: Option<String>,
}

/// How long `test --full fuzz` takes, minutes.
const LONG: f64 = 20.0;
/// The most targets that run at once; each takes one processor.
const AT_ONCE: usize = 2;
/// The shortest time of a target: to read its corpus takes some of it.
const SHORTEST: Duration = Duration::from_secs(2);
/// The time between two looks at what runs, and between two lines about it.
const LOOK: Duration = Duration::from_millis(200);
const TELL: Duration = Duration::from_secs(30);
/// What the edges are counted for. It is named, so that the flags are for the program alone and not
/// for the build scripts, which have no libFuzzer.
const SYSTEM: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};
/// The flags that count edges and show comparisons to libFuzzer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

fn minutes(text: &str) -> Result<f64> {
    let minutes: f64 = text.parse().context("no number of minutes")?;
    ensure!((0.1..=10_000.0).contains(&minutes), "0.1 to 10000 minutes are allowed");
    Ok(minutes)
}

/// Fuzzes as the arguments say.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    run(args.minutes, args.filter.as_deref(), args.keep)
}

/// Fuzzes for twenty minutes the targets whose name contains `filter`.
pub(crate) fn long(filter: Option<&str>) -> Result<ExitCode> {
    run(LONG, filter, false)
}

fn run(minutes: f64, filter: Option<&str>, keep: bool) -> Result<ExitCode> {
    let targets = targets(filter)?;
    let program = build()?;
    let workers =
        std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE).min(targets.len());
    let share = share(minutes, workers, targets.len());
    eprintln!("fuzz: {} targets, {} s each, {workers} at once", targets.len(), share.as_secs());
    let interrupt = Interrupt::new()?;
    let mut waiting: VecDeque<String> = targets.into();
    let (mut running, mut ended) = (Vec::<Session>::new(), Vec::<Ended>::new());
    let mut told = Instant::now();
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < workers
            && let Some(target) = waiting.pop_front()
        {
            running.push(Session::start(&program, &target, share)?);
        }
        interrupt.sleep(LOOK)?;
        for mut session in std::mem::take(&mut running) {
            match session.ended()? {
                Some(end) => {
                    eprintln!("fuzz: {}", end.line());
                    ended.push(end);
                }
                None => running.push(session),
            }
        }
        if told.elapsed() >= TELL {
            for session in &running {
                eprintln!("fuzz: {}", session.progress());
            }
            told = Instant::now();
        }
    }
    if keep {
        for end in ended.iter().filter(|end| end.fault.is_none()) {
            let added = session::keep(&program, &end.target)?;
            println!("fuzz: {}: {added} files added to its corpus", end.target);
        }
    }
    Ok(report(ended))
}

/// Prints what each target did and where the inputs are that failed.
fn report(mut ended: Vec<Ended>) -> ExitCode {
    ended.sort_by(|one, other| one.target.cmp(&other.target));
    println!("\n{}", Ended::HEAD);
    for end in &ended {
        println!("{}", end.row());
    }
    let failed: Vec<&Ended> = ended.iter().filter(|end| end.fault.is_some()).collect();
    for end in &failed {
        println!("\n{}", end.why());
    }
    println!("\nfuzz: {} targets, {} failed", ended.len(), failed.len());
    if failed.is_empty() && !ended.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns how long each target runs.
fn share(minutes: f64, workers: usize, targets: usize) -> Duration {
    let all = Duration::from_secs_f64(minutes * 60.0) * u32::try_from(workers).unwrap_or(1);
    (all / u32::try_from(targets).unwrap_or(u32::MAX).max(1)).max(SHORTEST)
}

/// Returns the targets, by the folders of their corpora.
fn targets(filter: Option<&str>) -> Result<Vec<String>> {
    let entries = session::corpora().read_dir().context("read agent/fuzz/corpus")?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| filter.is_none_or(|filter| name.contains(filter))).collect();
    names.sort_unstable();
    ensure!(!names.is_empty(), "no target of agent/fuzz/corpus has this name");
    Ok(names)
}

/// Builds the program, in a folder of its own, because nothing else is built with its flags.
fn build() -> Result<PathBuf> {
    eprintln!("fuzz: building the targets (the first time takes some minutes)");
    let mut command = cargo::cargo("build")?;
    command
        .args(["--release", "--target", SYSTEM, "--manifest-path"])
        .arg(workspace::root().join("agent/fuzz/Cargo.toml"))
        .env("CARGO_TARGET_DIR", session::home().join("build"))
        .env("RUSTFLAGS", FLAGS)
        // No target loads the kernel side.
        .env("AYA_BUILD_SKIP", "1")
        .env_remove("TCPWARDEN_BPF_OBJECT")
        .env_remove("TCPWARDEN_BPF_TOOLCHAIN");
    cargo::build(&mut command).context("build the fuzz targets")?.executable("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared_by_the_targets() {
        assert_eq!(share(20.0, 2, 12), Duration::from_secs(200));
        assert_eq!(share(20.0, 1, 12), Duration::from_secs(100));
        assert_eq!(share(0.1, 2, 12), SHORTEST);
    }

    #[test]
    fn targets_are_the_folders_of_the_corpora() {
        let all = targets(None).unwrap();
        assert!(all.len() > 8 && all.is_sorted(), "{all:?}");
        assert_eq!(targets(Some("record")).unwrap(), ["records"]);
        assert!(targets(Some("no such target")).is_err());
    }
}
