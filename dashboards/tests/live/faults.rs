//! What the agent says of itself: alerts that no connection can cause, only an agent that fails.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use dashboards::rules;

use crate::site::Site;
use crate::watch::{LOOK, Watch};

/// A way for the agent to fail.
pub(crate) struct Fault {
    /// The name of its test.
    pub(crate) name: &'static str,
    /// The alerts that it makes fire; no others may.
    alerts: &'static [&'static str],
    /// Makes it happen.
    begin: fn(&mut Site) -> Result<Option<stack::Process>>,
}

/// Every fault.
pub(crate) const ALL: &[Fault] = &[Fault { name: "agent_down", alerts: &["TcpwardenDown"], begin: down }];

/// Alerts that no test makes fire on a live agent, each with the reason.
const NOT_FIRED: &[(&str, &str)] = &[];

/// How long its alerts may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

fn down(site: &mut Site) -> Result<Option<stack::Process>> {
    site.end_agent();
    Ok(None)
}

/// What is wrong with the alerts of a fault; nothing if all is well.
pub(crate) fn prove(site: &mut Site, fault: &Fault) -> Vec<String> {
    attempt(site, fault).unwrap_or_else(|error| vec![format!("{error:#}\n--- the agent said ---\n{}", site.agent_log())])
}

fn attempt(site: &mut Site, fault: &Fault) -> Result<Vec<String>> {
    let mut watch = Watch::begin(site, fault.alerts)?;
    let running = (fault.begin)(site)?;
    let start = Instant::now();
    while !watch.look(site)? && start.elapsed() < PATIENCE {
        sleep(LOOK);
    }
    watch.linger(site, Duration::from_secs(4))?;
    let log = site.agent_log();
    drop(running);
    site.heal_agent()?;
    let mut complaints = watch.end(site)?;
    if !complaints.is_empty() {
        complaints.push(format!("--- the agent said ---\n{log}"));
    }
    Ok(complaints)
}

/// Fails where an alert is neither expected from a scenario or a fault nor listed with a reason why not.
pub(crate) fn all_are_covered() {
    let fired = lab::all().iter().map(|scenario| scenario.alerts).chain(ALL.iter().map(|fault| fault.alerts)).flatten();
    let known: BTreeSet<&str> = fired.copied().chain(NOT_FIRED.iter().map(|(name, _)| *name)).collect();
    let rules: BTreeSet<&str> = rules::all().iter().map(|alert| alert.name).collect();
    assert_eq!(known, rules, "the alerts that tests fire or say why not, and the alerts that there are");
}
