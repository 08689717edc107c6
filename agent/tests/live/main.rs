//! Tests against the running kernel: the agent as a black box, real sockets, the kernel's own books
//! as the judge. Called by `cargo xtask test`, and by `cargo xtask kernels` in small guests.
//!
//! `portable::…` needs loopback, /proc and `ip`, and before Linux 6.10 packet sockets and tracefs;
//! `host::…` needs nftables, veth, TUN, `ss`, promtool, curl, Python, tmux and util-linux;
//! `long::…` takes minutes and is listed only with `TCPWARDEN_LIVE_LONG` set. All need root. They
//! run one at a time: the kernel's counters are shared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helper processes talk over stdout, failures over stderr"
)]

mod cases;
mod dispatch;
mod handover;
mod harness;
mod mix;
mod roles;
mod tests;
mod workload;

use std::process::ExitCode;

use harness::witness;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if let Some(code) = dispatch::dispatch() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    // The name under which this process shows up in the agent's labels.
    if let Err(error) = std::fs::write("/proc/self/comm", roles::TEST_NAME) {
        eprintln!("set the name of this process: {error}");
        return ExitCode::FAILURE;
    }
    let _alone = testkit::turn::alone();
    harness::remove_stale_buffers();
    let trials = tests::listed()
        .into_iter()
        .map(|(name, test)| Trial::test(name, move || privileged(test)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// How often a test is run at the most while the kernel withholds events from the programs.
const ATTEMPTS: u32 = 10;

/// Runs a test, or fails it with the reason why it cannot run.
fn privileged(test: fn()) -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return Err(
            "these tests load BPF programs: run as root, or use `cargo xtask test --no-root`"
                .into(),
        );
    }
    for attempt in 1.. {
        witness::forget();
        let Err(panic) = std::panic::catch_unwind(test) else { break };
        let withheld = witness::noted();
        if withheld <= 0 || attempt == ATTEMPTS {
            std::panic::resume_unwind(panic);
        }
        eprintln!(
            "this run shows nothing: the kernel ran no program for {withheld} of its events \
            (harness/witness.rs); run {attempt} of {ATTEMPTS}"
        );
    }
    Ok(())
}
