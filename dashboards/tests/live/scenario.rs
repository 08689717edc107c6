//! One scenario of the lab among those that run at the same time.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::Scenario;
use testkit::agent::binary;
use testkit::launch::{Launch, Output};
use testkit::process::Process;

use crate::panels::{Wanted, empty_variables};
use crate::site::Site;
use crate::watch::{Alert, RESOLUTION, Watch, firing};

/// How long its alerts and pictures may take to come: connections have to idle for a minute before
/// they count, and then to grow; a listener has to be left alone for a minute.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long it goes on after that, for alerts that nobody expects.
const LINGER: Duration = Duration::from_secs(3);
/// How long a scenario that fires nothing is watched: longer than any alert needs to fire.
const HEALTHY: Duration = Duration::from_secs(20);
/// The same for the scenario whose connections idle.
const IDLE: (&str, Duration) = ("idle-pool", Duration::from_secs(115));

/// How far a scenario is.
enum Act {
    /// Not everything that it has to show was seen.
    Begun,
    /// Everything was seen, or would not come; it is watched until then.
    Watched(Instant),
    /// It was ended then; its alerts have to resolve.
    Ended(Instant),
    /// Nothing of its own fires any more, or would not end.
    Over,
}

/// A scenario that runs.
pub(crate) struct Member {
    pub(crate) scenario: &'static Scenario,
    cast: Vec<&'static str>,
    lab: Process,
    wanted: Wanted,
    start: Instant,
    act: Act,
    findings: Vec<String>,
}

impl Member {
    /// Starts a scenario.
    pub(crate) fn start(site: &Site, scenario: &'static Scenario) -> Result<Self> {
        let cast: Vec<_> = scenario.cast.iter().map(|role| role.name).collect();
        Ok(Self {
            scenario,
            wanted: Wanted::of(scenario.name, &cast),
            cast,
            lab: start(site, scenario.name)?,
            start: Instant::now(),
            act: Act::Begun,
            findings: Vec::new(),
        })
    }

    /// Whether it has ended and its alerts have resolved.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.act, Act::Over)
    }

    /// Looks after it, and ends it when it has been watched for long enough.
    pub(crate) fn step(&mut self, site: &Site, watch: &Watch) -> Result<()> {
        let (name, after) = (self.scenario.name, self.start.elapsed());
        match self.act {
            Act::Begun => {
                if self.has_fired(watch) && self.wanted.look(site, watch.from)? {
                    eprintln!("  {name}: all alerts and panels after {after:.0?}");
                    self.act = Act::Watched(self.until());
                } else if after > PATIENCE || self.lab.ended() {
                    self.wanted.look(site, watch.from)?;
                    self.findings.push(format!("not everything came within {after:.0?}"));
                    self.act = Act::Watched(self.until());
                }
            }
            Act::Watched(until) if Instant::now() >= until => {
                if self.lab.ended() {
                    self.findings.push(format!(
                        "the scenario ended by itself within {after:.0?}, while it was watched"
                    ));
                }
                if !self.lab.end() {
                    self.findings.push("the scenario had to be killed".to_owned());
                }
                self.act = Act::Ended(Instant::now());
            }
            Act::Ended(since) => {
                let left = firing(site)?.map(|(place, alerts)| (place, self.own(&alerts)));
                if left.iter().all(|(_, names)| names.is_empty()) {
                    eprintln!("  {name}: resolved after {:.0?}", since.elapsed());
                    self.act = Act::Over;
                } else if since.elapsed() > RESOLUTION {
                    self.findings.push(format!("after {RESOLUTION:?} still firing: {left:?}"));
                    self.act = Act::Over;
                }
            }
            Act::Watched(_) | Act::Over => {}
        }
        Ok(())
    }

    /// Until when it is watched if all has come now.
    fn until(&self) -> Instant {
        match self.scenario.alerts {
            [] if self.scenario.name == IDLE.0 => self.start + IDLE.1,
            [] => self.start + HEALTHY,
            _ => Instant::now() + LINGER,
        }
    }

    /// The names of the alerts among these that accuse a process of its cast.
    fn own(&self, alerts: &BTreeSet<Alert>) -> BTreeSet<String> {
        let accuses = |alert: &&Alert| {
            alert.process.as_deref().is_some_and(|process| self.cast.contains(&process))
        };
        alerts.iter().filter(accuses).map(|alert| alert.name.clone()).collect()
    }

    /// The names of its alerts among these: those that accuse a process of its cast, and those that
    /// accuse nobody and that it expects.
    fn seen(&self, alerts: &BTreeSet<Alert>) -> BTreeSet<String> {
        let nobodys = alerts.iter().filter(|alert| alert.process.is_none());
        let mut seen = self.own(alerts);
        seen.extend(
            nobodys
                .map(|alert| alert.name.clone())
                .filter(|name| self.scenario.alerts.contains(&name.as_str())),
        );
        seen
    }

    /// Whether every alert that it expects has fired in both places.
    fn has_fired(&self, watch: &Watch) -> bool {
        watch.places().iter().all(|(_, alerts)| {
            let seen = self.seen(alerts);
            self.scenario.alerts.iter().all(|name| seen.contains(*name))
        })
    }

    /// What was wrong with it, once nothing fires any more.
    pub(crate) fn findings(mut self, site: &Site, watch: &Watch) -> Result<Vec<String>> {
        let mut findings = std::mem::take(&mut self.findings);
        let expected: BTreeSet<_> =
            self.scenario.alerts.iter().map(|name| (*name).to_owned()).collect();
        for (place, alerts) in watch.places() {
            let seen = self.seen(alerts);
            if seen != expected {
                findings.push(format!("alerts in {place}: expected {expected:?}, seen {seen:?}"));
            }
        }
        findings.extend(empty_variables(site, watch.from, &self.cast)?);
        findings.extend(self.wanted.findings(site, watch.from));
        if !findings.is_empty() {
            // What is wrong stands last: of a long output the end is read.
            findings.insert(0, format!("--- the scenario said ---\n{}", self.lab.tail(40)));
        }
        Ok(findings)
    }
}

/// Starts the program that plays a scenario.
fn start(site: &Site, name: &str) -> Result<Process> {
    let mut command = Command::new(binary("LAB_BIN", "lab")?);
    command.args([name, "--seconds", "150", "--agent", &site.agent_url()]);
    Launch::new(name, command).output(Output::Log).tied().spawn()
}
