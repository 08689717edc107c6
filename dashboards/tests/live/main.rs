//! The proof on a live agent: every scenario of the lab makes its alerts fire in Prometheus and in
//! Alertmanager, no other alert does, they resolve afterwards, and the panels that are about it
//! show something. Called by `cargo xtask test`; needs root, `prometheus` and
//! `prometheus-alertmanager` on PATH, the agent in `TCPWARDEN_BIN` and the lab in `LAB_BIN`.
//!
//! The rules are the committed ones with `dashboards::timing::LIVE` in the place of the production
//! times: the same expressions, shorter windows. One agent, one Prometheus and one Alertmanager
//! serve all tests, each of which goes from silence to silence. Scenarios that mostly wait run at
//! the same time (`company`): the first of them that runs plays all that the filter selects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic that says what was expected"
)]
#![allow(clippy::print_stderr, reason = "what was waited for goes to stderr")]

mod company;
mod faults;
mod grafana;
mod load;
mod negotiated;
mod panels;
mod scenario;
mod secured;
mod site;
mod watch;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use company::Findings;
use lab::Scenario;
use libtest_mimic::{Arguments, Failed, Trial};
use site::Site;

fn main() -> ExitCode {
    if let Some(code) = testkit::netns::dispatch() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    // The main thread runs them then, with which the programs end that it starts.
    arguments.test_threads = Some(1);
    let _alone = (!arguments.list).then(testkit::turn::alone);
    let covered = || {
        faults::all_are_covered();
        Ok(())
    };
    let mut trials =
        vec![Trial::test("every_alert_has_a_scenario_or_a_fault_that_fires_it", covered)];
    let selected = |scenario: &&'static Scenario| {
        !arguments.is_filtered_out(&Trial::test(name(scenario), || Ok(())))
    };
    let company: Vec<_> =
        lab::all().iter().filter(|one| company::is_member(one)).filter(selected).collect();
    let played = Arc::new(Mutex::new(None));
    for scenario in lab::all() {
        let company = if company::is_member(scenario) { company.clone() } else { vec![scenario] };
        let played =
            if company::is_member(scenario) { Arc::clone(&played) } else { Arc::default() };
        trials.push(Trial::test(name(scenario), move || {
            on_site(|site| findings(&played, scenario, || company::prove(site, &company)))
        }));
    }
    for fault in faults::ALL {
        trials.push(Trial::test(format!("fault::{}", fault.name), move || {
            on_site(|site| faults::prove(site, fault))
        }));
    }
    trials.push(Trial::test("prometheus_scrapes_over_tls_with_certificate_and_password", || {
        Ok(secured::prove().map_err(|error| format!("{error:#}"))?)
    }));
    trials.push(Trial::test("prometheus_scrapes_openmetrics_as_gzip", || {
        Ok(negotiated::prove().map_err(|error| format!("{error:#}"))?)
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // A static is never dropped, and the programs are to end in order.
    drop(site::take());
    conclusion.exit_code()
}

/// The name of the test of a scenario.
fn name(scenario: &Scenario) -> String {
    format!("scenario::{}", scenario.name)
}

/// What is wrong in a scenario: what was found when its company was played, which is played now if
/// it was not yet.
fn findings(
    played: &Mutex<Option<Findings>>,
    scenario: &Scenario,
    play: impl FnOnce() -> Findings,
) -> Vec<String> {
    let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
    let found = played.get_or_insert_with(play).remove(scenario.name);
    found.unwrap_or_else(|| vec!["its company did not play it".to_owned()])
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
