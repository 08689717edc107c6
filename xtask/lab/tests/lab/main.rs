//! The scenarios as their users have them: a program, its processes and what the kernel says of
//! their sockets.
//!
//! Needs root, `ip`, `nft` and veth. `LAB_BIN` names the program to test, else it is the one built
//! beside this test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]
#![allow(clippy::print_stderr, reason = "waiting is said on stderr")]

mod cleanup;
mod kernel;
mod pictures;
mod program;
mod quiet;
mod words;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    // The tests hold a network namespace of their own, with this program as its holder.
    if let Some(code) = lab::cast::dispatch() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    // Processes are found by their names, and two cores are for one scenario at a time.
    arguments.test_threads = Some(1);
    let _alone = (!arguments.list).then(testkit::turn::alone);
    let tests =
        pictures::TESTS.iter().chain(quiet::TESTS).chain(cleanup::TESTS).chain(words::TESTS);
    let trials = tests.map(|(name, test)| Trial::test(*name, move || privileged(*test))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs a test, or fails it with the reason why it cannot run.
fn privileged(test: fn()) -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return Err(
            "scenarios make network namespaces: run as root, or use `cargo xtask test --no-root`"
                .into(),
        );
    }
    test();
    Ok(())
}
