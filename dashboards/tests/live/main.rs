//! The proof on a live agent: every scenario of the lab makes its alerts fire in Prometheus and in
//! Alertmanager, no other alert does, they resolve afterwards, and the panels that are about it
//! show something. Called by `cargo xtask test`; needs root, `prometheus` and
//! `prometheus-alertmanager` on PATH, the agent in `TCPWARDEN_BIN` and the lab in `LAB_BIN`.
//!
//! The rules are the committed ones with `dashboards::timing::LIVE` in the place of the production
//! times: the same expressions, shorter windows. One agent, one Prometheus and one Alertmanager
//! serve all tests, which run one at a time, each from silence to silence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]
#![allow(clippy::print_stderr, reason = "what was waited for goes to stderr")]

mod faults;
mod grafana;
mod load;
mod panels;
mod scenario;
mod site;
mod watch;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use site::Site;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The main thread runs them then, with which the programs end that it starts.
    arguments.test_threads = Some(1);
    let _alone = testkit::turn::alone();
    let covered = || {
        faults::all_are_covered();
        Ok(())
    };
    let mut trials =
        vec![Trial::test("every_alert_has_a_scenario_or_a_fault_that_fires_it", covered)];
    for scenario in lab::all() {
        trials.push(Trial::test(format!("scenario::{}", scenario.name), move || {
            on_site(|site| scenario::prove(site, scenario))
        }));
    }
    for fault in faults::ALL {
        trials.push(Trial::test(format!("fault::{}", fault.name), move || {
            on_site(|site| faults::prove(site, fault))
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // A static is never dropped, and the programs are to end in order.
    drop(site::take());
    conclusion.exit_code()
}

/// Runs a test where everything is started, or fails with the reason why it cannot be.
fn on_site(test: impl FnOnce(&mut Site) -> Vec<String>) -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return Err(
            "the agent loads BPF programs: run as root, or use `cargo xtask test --no-root`".into(),
        );
    }
    let findings = site::with(test).map_err(|error| format!("{error:#}"))?;
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n").into()) }
}
