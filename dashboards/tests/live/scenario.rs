//! One scenario of the lab, from silence to silence.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::Scenario;
use testkit::agent::binary;
use testkit::launch::{Launch, Output};
use testkit::process::Process;

use crate::panels::{Wanted, empty_variables};
use crate::site::Site;
use crate::watch::{LOOK, Watch};

/// How long its alerts and pictures may take to come: connections have to idle for a minute before
/// they count, and then to grow; a listener has to be left alone for a minute.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long it goes on after that, for alerts that nobody expects.
const LINGER: Duration = Duration::from_secs(3);
/// How long a scenario that fires nothing is watched: longer than any alert needs to fire.
const HEALTHY: Duration = Duration::from_secs(20);
/// The same for the scenario whose connections idle.
const IDLE: (&str, Duration) = ("idle-pool", Duration::from_secs(115));

/// What is wrong with the alerts and the panels in a scenario; nothing if all is well.
pub(crate) fn prove(site: &mut Site, scenario: &'static Scenario) -> Vec<String> {
    match attempt(site, scenario) {
        Ok(findings) => findings,
        Err(error) => vec![format!("{error:#}\n--- the agent said ---\n{}", site.agent_log())],
    }
}

fn attempt(site: &Site, scenario: &'static Scenario) -> Result<Vec<String>> {
    let mut watch = Watch::begin(site, scenario.alerts)?;
    let mut lab = start(site, scenario.name)?;
    let mut wanted = Wanted::of(scenario.name);
    let start = Instant::now();
    let mut findings = Vec::new();
    loop {
        let fired = watch.look(site)?;
        let shown = fired && wanted.look(site, watch.from)?;
        if fired && shown {
            eprintln!("  {}: all alerts and panels after {:.0?}", scenario.name, start.elapsed());
            break;
        }
        if start.elapsed() > PATIENCE {
            wanted.look(site, watch.from)?;
            findings.push(format!("not everything came in {PATIENCE:?}"));
            break;
        }
        if lab.ended() {
            wanted.look(site, watch.from)?;
            break;
        }
        sleep(LOOK);
    }
    watch.linger(site, rest(scenario, start))?;
    let from = watch.from;
    if lab.ended() {
        findings.push(format!(
            "the scenario ended by itself within {:.0?}, while it was watched",
            start.elapsed()
        ));
    }
    if !lab.end() {
        findings.push("the scenario had to be killed".to_owned());
    }
    findings.extend(watch.end(site)?);
    findings.extend(empty_variables(site, from)?);
    findings.extend(wanted.findings(site, from));
    if !findings.is_empty() {
        findings.push(format!("--- the scenario said ---\n{}", lab.tail(40)));
        findings.push(format!("--- the agent said ---\n{}", site.agent_log()));
    }
    Ok(findings)
}

/// How long a scenario that began then is watched after all has come.
fn rest(scenario: &Scenario, start: Instant) -> Duration {
    match scenario.alerts {
        [] if scenario.name == IDLE.0 => IDLE.1.saturating_sub(start.elapsed()),
        [] => HEALTHY.saturating_sub(start.elapsed()),
        _ => LINGER,
    }
}

/// Starts a scenario.
pub(crate) fn start(site: &Site, name: &str) -> Result<Process> {
    let mut command = Command::new(binary("LAB_BIN", "lab")?);
    command.args([name, "--seconds", "150", "--agent", &site.agent_url()]);
    Launch::new(name, command).output(Output::Log).tied().spawn()
}
