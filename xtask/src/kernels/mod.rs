//! `cargo xtask kernels`: the portable live tests on real kernels of other versions, each in a
//! guest.
//!
//! A guest needs neither root nor virtualisation by the processor. Time measured in one means
//! nothing.
pub(crate) mod arm64;
mod boot;
mod fetch;
mod guest;
mod sources;
mod version;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

pub(crate) use self::boot::{Report, Serial, watch};
use self::fetch::{Kernel, Source};
use self::guest::Payload;
pub(crate) use self::sources::Mirrors;
use crate::arch::Arch;
use crate::build::Agent;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, process, root_tests, workspace};

/// Boot other kernels in guests and run the portable live tests there.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show what the tests print also when they pass.
    #[arg(long)]
    verbose: bool,
    /// Look for newer packages than the ones in target/kernels.
    #[arg(long)]
    refresh: bool,
    /// The Debian mirror to fetch kernels from, instead of the one in this machine's apt sources.
    #[arg(long, value_name = "ADDRESS", env = "XTASK_DEBIAN_MIRROR")]
    mirror: Option<String>,
    /// Only the tests whose name contains this.
    #[arg(long, value_name = "NAME", default_value = PORTABLE, value_parser = test_name)]
    tests: String,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Kernel series; 7 means the newest 7.x.
    #[arg(value_name = "VERSION", default_values = DEFAULTS)]
    versions: Vec<String>,
}

/// The long-term kernels of the distributions, and the newest.
const DEFAULTS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7"];
/// How the names begin of the tests that run on any kernel.
const PORTABLE: &str = "portable::";
/// How many guests run at a time.
const AT_A_TIME: usize = 2;

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let consent = args.consent.consent();
    let toolchain = setup::for_build(consent)?;
    setup::for_tests(consent)?;
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    let counts = boot_all(&agent, args)?;
    println!("kernels: {counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The default kernels, as a step of the whole suite. That of this machine is left out: the suite
/// runs the same tests on it, without a guest.
pub(crate) fn boot_defaults(agent: &Agent) -> Result<Counts> {
    let mirror = std::env::var("XTASK_DEBIAN_MIRROR").ok();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("ask for this machine's kernel")?;
    let release = release.trim_end();
    let (own, versions): (Vec<_>, Vec<_>) =
        DEFAULTS.map(str::to_owned).into_iter().partition(|series| is_of(series, release));
    for series in own {
        eprintln!(
            "kernels: no guest of {series}: without --no-root the live tests run on {release}; \
             `cargo xtask kernels {series}` boots one"
        );
    }
    boot_all(
        agent,
        &Args {
            verbose: false,
            refresh: false,
            mirror,
            tests: PORTABLE.to_owned(),
            consent: ConsentArgs::default(),
            versions,
        },
    )
}

/// Whether a release, as `uname -r` has it, is of a series.
fn is_of(series: &str, release: &str) -> bool {
    let rest = release.strip_prefix(series);
    rest.is_some_and(|rest| !rest.starts_with(|one: char| one.is_ascii_digit()))
}

/// A name goes into the guest's script.
fn test_name(name: &str) -> Result<String> {
    let plain =
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':');
    if !plain || !name.starts_with(PORTABLE) {
        bail!("the tests of a guest are named {PORTABLE}...");
    }
    Ok(name.to_owned())
}

/// Boots all kernels and adds up their tests; an error when one brought no result.
fn boot_all(agent: &Agent, args: &Args) -> Result<Counts> {
    if std::env::consts::ARCH != "x86_64" {
        bail!(
            "the guests are x86_64 machines and run this machine's own build of the agent: an \
             x86_64 machine is needed"
        );
    }
    let payload = Payload {
        agent: agent.binary.clone(),
        tests: root_tests::LIVE.binary(agent)?,
        busybox: workspace::tools_bin().join("busybox"),
        ip: Some(process::file_of("ip").context("find `ip`, of iproute2")?),
        arguments: args.tests.clone(),
    };
    let source = Source { arch: Arch::X86, mirror: args.mirror.as_deref(), refresh: args.refresh };
    let kernels = fetch::all(&args.versions, &source)?;
    let mut sum = Counts::default();
    let mut silent = Vec::new();
    for (kernel, result) in boot_each(&payload, &kernels, args.verbose)? {
        match result {
            Ok(seen) => sum += seen.counts,
            Err(error) => silent.push(format!("{}: {error:#}", kernel.wanted)),
        }
    }
    if !silent.is_empty() {
        bail!("{} ({sum} in the others)", silent.join("; "));
    }
    Ok(sum)
}

/// What was seen of a kernel.
struct Seen {
    release: String,
    counts: Counts,
    seconds: f64,
}

/// Boots kernels, some at a time; each comes back with what was seen, in the order of their ends.
fn boot_each<'a>(
    payload: &Payload,
    kernels: &'a [Kernel],
    verbose: bool,
) -> Result<Vec<(&'a Kernel, Result<Seen>)>> {
    eprintln!("kernels: booting {} guests, {AT_A_TIME} at a time", kernels.len());
    let queue = Mutex::new(kernels.iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let finished = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(kernels.len()) {
            scope.spawn(|| {
                while let Some(kernel) = next() {
                    let result = boot_one(payload, kernel, verbose);
                    if let Ok(mut finished) = finished.lock() {
                        finished.push((kernel, result));
                    }
                }
            });
        }
    });
    finished.into_inner().ok().context("a guest's thread died")
}

/// Boots one kernel and prints its line.
fn boot_one(payload: &Payload, kernel: &Kernel, verbose: bool) -> Result<Seen> {
    let initramfs = guest::initramfs(payload, kernel)?;
    let started = Instant::now();
    let report = boot::run(kernel, &initramfs);
    // It holds the tests and the agent once more for each kernel.
    std::fs::remove_file(&initramfs).with_context(|| format!("remove {}", initramfs.display()))?;
    let report = report?;
    let seconds = started.elapsed().as_secs_f64();
    let Report { release, verdict, counts, results, console } = report;
    let passed = verdict == Some(0) && counts.failed == 0 && counts.passed > 0;
    let log = if passed { String::new() } else { format!("{console}{results}") };
    let log = if passed && verbose { results } else { log };
    // One call for all, so that two guests that end together do not mix their lines.
    println!(
        "{log}kernels: {} ({}), booted {release}: {counts}, {seconds:.1} s",
        kernel.wanted, kernel.package
    );
    match verdict {
        None => bail!("the guest ended or was ended without a verdict"),
        Some(_) if counts == Counts::default() => bail!("no test ran in the guest"),
        Some(status) if status != 0 && counts.failed == 0 => {
            bail!("the tests ended with {status} and named no failed test")
        }
        Some(_) => Ok(Seen { release, counts, seconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_of_its_series_and_of_no_other() {
        let of = |release: &str| -> Vec<_> {
            DEFAULTS.into_iter().filter(|series| is_of(series, release)).collect()
        };
        assert_eq!(of("6.18.44-cloud"), ["6.18"]);
        assert_eq!(of("6.1.0-57-cloud-amd64"), ["6.1"]);
        assert_eq!(of("7.3.4+deb13"), ["7"]);
        for other in ["5.15.1", "6.11.2", "70.1"] {
            assert!(of(other).is_empty(), "{other}");
        }
    }
}
