//! Scenarios that run at the same time, from silence to silence: most of their time is waiting.
//!
//! Each keeps its own proof. An alert that accuses a process belongs to the scenario in whose cast
//! that process is. One that accuses nobody has to be expected by a scenario of the company. Panels
//! are asked for the processes of one scenario at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;

use anyhow::{Result, ensure};
use lab::Scenario;

use crate::scenario::Member;
use crate::site::Site;
use crate::watch::{Alert, LOOK, Watch};

/// What is wrong in each scenario of a company, by its name.
pub(crate) type Findings = BTreeMap<&'static str, Vec<String>>;

/// The scenarios that run together: every alert that one of them makes fire accuses a process, and
/// no two have a process of the same name. The others disturb each other: they fill what belongs
/// to the whole machine, or make an alert fire that accuses nobody.
const TOGETHER: &[&str] = &[
    "echo",
    "fd-leak",
    "half-close",
    "stuck-listener",
    "pool",
    "pool-leak",
    "idle-pool",
    "dead-peer",
    "stuck-worker",
    "proxy-chain",
    "full-pool",
];

/// Whether a scenario runs together with others.
pub(crate) fn is_member(scenario: &Scenario) -> bool {
    TOGETHER.contains(&scenario.name)
}

/// Runs scenarios at the same time and says what is wrong with the alerts and the panels of each.
pub(crate) fn prove(site: &Site, scenarios: &[&'static Scenario]) -> Findings {
    let all = |text: &str| {
        scenarios.iter().map(|scenario| (scenario.name, vec![text.to_owned()])).collect()
    };
    let mut findings = attempt(site, scenarios).unwrap_or_else(|error| all(&format!("{error:#}")));
    let log = format!("--- the agent said ---\n{}", site.agent_log());
    for found in findings.values_mut().filter(|found| !found.is_empty()) {
        found.insert(0, log.clone());
    }
    findings
}

fn attempt(site: &Site, scenarios: &[&'static Scenario]) -> Result<Findings> {
    let names: Vec<_> = scenarios.iter().flat_map(|one| one.cast).map(|role| role.name).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    ensure!(distinct.len() == names.len(), "processes of the same name: {names:?}");
    let mut watch = Watch::begin(site)?;
    let mut members = Vec::new();
    for scenario in scenarios {
        members.push(Member::start(site, scenario)?);
    }
    while !members.iter().all(Member::is_over) {
        watch.look(site)?;
        for member in &mut members {
            member.step(site, &watch)?;
        }
        sleep(LOOK);
    }
    let left = watch.end(site)?;
    let unknown = unknown(scenarios, &watch);
    let judge = |member: Member| {
        let name = member.scenario.name;
        let mut findings = [&left[..], &unknown].concat();
        findings.extend(member.findings(site, &watch)?);
        Ok((name, findings))
    };
    members.into_iter().map(judge).collect()
}

/// The alerts that belong to no scenario: they accuse a process of none, or nobody, and then no
/// scenario expects them.
fn unknown(scenarios: &[&Scenario], watch: &Watch) -> Vec<String> {
    let known = |alert: &Alert| {
        scenarios.iter().any(|scenario| match &alert.process {
            Some(process) => scenario.cast.iter().any(|role| role.name == process),
            None => scenario.alerts.contains(&alert.name.as_str()),
        })
    };
    let mut findings = Vec::new();
    for (place, seen) in watch.places() {
        let others: Vec<_> = seen.iter().filter(|alert| !known(alert)).collect();
        if !others.is_empty() {
            findings.push(format!("alerts in {place} that are of no scenario: {others:?}"));
        }
    }
    findings
}
