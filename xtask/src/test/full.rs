//! `cargo xtask test --full STEP`: what takes too long for every change.
//!
//! `FullStep` is the registry: a step is a variant and its help; `test` calls its work.
use std::process::{Command, ExitCode};

use anyhow::Result;
use nix::sys::signal::Signal;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

use crate::packages::Consent;
use crate::{build, root_tests, setup};

/// A step that runs only when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FullStep {
    /// The tests on this machine once, while two busy loops take the processors; call it three
    /// times to look for tests that are red only under load. A filter and --no-root hold. The
    /// loops begin when everything is built. Left out are the lints, the costs, and the guests,
    /// for which the loops would leave too little time.
    Load,
    /// The leak judge before real software, leaks and healthy look-alikes, in about six minutes; a
    /// filter holds, --yes installs.
    Software,
    /// Every case of a leak at once beside ten thousand healthy connections, with an agent that was
    /// there before and with one that comes later; in about ten minutes, --yes installs.
    Crowd,
    /// The agent under a mixed load with faults for half an hour, and whether it stays as it is;
    /// --yes installs. `cargo xtask soak` takes another length.
    Soak,
    /// A healthy mix with ten thousand connections over a path of 200 ms, of which none may be
    /// accused; in about twelve minutes, --yes installs.
    Healthy,
    /// Leaks of one, ten and sixty connections a minute for 24 minutes: their growth, and the time
    /// to the limit, as two agents tell them; in about 40 minutes, --yes installs.
    Growth,
    /// Faults that last a minute: a pause and a full ring; in about five minutes, --yes installs.
    Faults,
    /// What the program is made of: the policy of deny.toml, a bill of materials, and whether the
    /// same source gives the same bytes; in about fifteen minutes, --yes installs.
    Supply,
    /// The pages as a book (mdBook, built once in some minutes), and whether each of its links
    /// leads somewhere; the suite has it too.
    Book,
    /// Fresh Debian machines with systemd, booted under QEMU; about ten minutes each, and as much
    /// once to make them; a filter holds, --yes installs.
    Machines,
    /// The portable live tests on arm64 kernels, emulated under QEMU; about half an hour, a filter
    /// begins with `portable::`, --yes installs.
    Arm64,
    /// The Helm chart and the manifests for Kubernetes: rendered with each set of values, each
    /// object against its schema; in half a minute, --yes installs.
    Chart,
    /// The page at `/` in a browser: at 400 and 1400 pixels, light and dark, with the keyboard, and
    /// as pictures in target/page; in half a minute, --yes installs.
    Page,
    /// What reads bytes from outside, under a fuzzer that follows coverage, for twenty minutes; a
    /// filter holds. `cargo xtask fuzz` takes another length.
    Fuzz,
    /// The board Fleet over the recorded series of a thousand machines, and the shipped rules over
    /// the raw ones of 50, 100 and 200, on a real Prometheus; in about a quarter of an hour, a
    /// filter chooses `recorded` or `raw`. `cargo xtask fleet` takes other sizes.
    Fleet,
}

/// How many processors are kept busy.
const BUSY_LOOPS: usize = 2;

/// Builds the agent and runs the long tests on the live kernel whose name contains `filter`.
pub(super) fn live(filter: &str, consent: Consent) -> Result<ExitCode> {
    let toolchain = setup::for_build(consent)?;
    let agent = build::agent(&toolchain, build::Profile::Release)?;
    let counts = root_tests::LIVE.run_long(&agent, filter)?;
    println!("\n== {filter}: {counts}");
    let is_ok = counts.failed == 0 && counts.passed > 0;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs what comes after the build while the loops take the processors.
pub(super) fn under_load<T>(suite: impl FnOnce() -> Result<T>) -> Result<T> {
    let _loops = busy_loops()?;
    eprintln!("\n== load: {BUSY_LOOPS} busy loops run beside the tests from here on");
    suite()
}

/// Starts the loops; each ends with its handle, and with this process.
fn busy_loops() -> Result<Vec<Process>> {
    let launch = || {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        Launch::new("a busy loop", command)
            .output(Output::Inherited)
            .ending(Ending::Signal(Signal::SIGTERM))
            .tied()
            .spawn()
    };
    (0..BUSY_LOOPS).map(|_| launch()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::test::Args;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn an_unknown_step_is_an_error_that_lists_the_known_ones() {
        let parsed = Cli::try_parse_from(["test", "--full", "load"]);
        assert_eq!(parsed.ok().and_then(|cli| cli.args.full), Some(FullStep::Load));
        let error = Cli::try_parse_from(["test", "--full", "soap"]).err().unwrap().to_string();
        let known = "values: load, software, crowd, soak, healthy, growth, faults, supply, \
                     book, machines, arm64, chart, page, fuzz, fleet]";
        assert!(error.contains("soap") && error.contains(known), "{error}");
    }

    /// The processes that this thread has started and that run.
    fn children() -> String {
        let name = format!("/proc/{}/task/{}/children", std::process::id(), nix::unistd::gettid());
        std::fs::read_to_string(name).unwrap()
    }

    #[test]
    fn the_busy_loops_end_with_their_handles() {
        let mut loops = busy_loops().unwrap();
        assert_eq!(loops.len(), BUSY_LOOPS);
        assert!(loops.iter_mut().all(|each| !each.ended()));
        assert_ne!(children(), "");
        drop(loops);
        assert_eq!(children(), "");
    }

    #[test]
    fn the_suite_runs_once_beside_the_loops_and_its_failure_is_that_of_the_step() {
        let mut runs = 0;
        let failed: Result<()> = under_load(|| {
            runs += 1;
            assert_eq!(children().split_whitespace().count(), BUSY_LOOPS);
            anyhow::bail!("a test failed")
        });
        assert_eq!((runs, failed.unwrap_err().to_string()), (1, "a test failed".to_owned()));
        assert_eq!(under_load(|| Ok(7)).unwrap(), 7);
        assert_eq!(children(), "");
    }
}
