//! What no scenario can cause: an agent that fails, and limits of the whole machine, which the
//! tests do not change; the agent reads smaller ones in their place.

use std::any::Any;
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use dashboards::rules;

use crate::load;
use crate::panels::{self, Wanted};
use crate::site::{HEALTHY, Site};
use crate::watch::{LOOK, Watch};

/// A way for the agent to fail.
pub(crate) struct Fault {
    /// The name of its test.
    pub(crate) name: &'static str,
    /// The alerts that it makes fire; no others may.
    alerts: &'static [&'static str],
    /// Makes it happen; until what it returns is dropped.
    begin: fn(&mut Site) -> Result<Box<dyn Any>>,
}

/// Every fault.
pub(crate) const ALL: &[Fault] = &[
    Fault { name: "the_agent_is_down", alerts: &["TcpwardenDown"], begin: down },
    Fault {
        name: "the_ring_and_the_label_budget_are_too_small",
        alerts: &["TcpwardenEventsLost", "TcpwardenDriftFound", "TcpwardenLabelsOverflowing"],
        begin: narrow,
    },
    Fault {
        name: "the_table_is_full",
        alerts: &["TcpwardenTableFull", "TcpwardenTableNearFull", "TcpwardenDriftFound"],
        begin: full,
    },
    Fault {
        name: "nobody_holds_the_sockets_and_no_pass_comes",
        alerts: &["TcpwardenUnattributed", "TcpwardenPassesStalled"],
        begin: unheld,
    },
    Fault {
        name: "the_machine_nears_its_limits",
        alerts: &["TcpOrphansNearLimit", "TcpTimeWaitNearLimit"],
        begin: near_limits,
    },
];

/// Alerts that no test makes fire on a live agent, each with the reason; `promtool test rules` has
/// them all.
const NOT_FIRED: &[(&str, &str)] = &[
    ("TcpMemoryNearLimit", "how much the kernel takes for idle sockets is its own choice"),
    ("TcpwardenProbeDetached", "the kernel would have to refuse a probe"),
    ("TcpFleetConnectFailures", "one agent is no fleet"),
    ("TcpwardenAgentsDown", "likewise"),
    ("TcpwardenVersionSkew", "likewise"),
    ("TcpwardenRestarting", "it is left out: the tests start the agent again and again"),
];

/// How long its alerts may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

#[expect(clippy::unnecessary_wraps, reason = "it is called like the others")]
fn down(site: &mut Site) -> Result<Box<dyn Any>> {
    site.end_agent();
    Ok(Box::new(()))
}

/// Forty records fit the ring, each burst makes a thousand; two label sets for a process that uses
/// forty ports.
fn narrow(site: &mut Site) -> Result<Box<dyn Any>> {
    let tiny = ["--ring-bytes", "4096", "--drain-interval-ms", "1000", "--max-series", "2"];
    site.replace_agent(&[HEALTHY, &tiny].concat())?;
    Ok(Box::new(load::bursts(20)?))
}

/// Fewer rows than the machine has sockets: passes find those that were turned away again and
/// again.
fn full(site: &mut Site) -> Result<Box<dyn Any>> {
    site.replace_agent(&[HEALTHY, &["--max-connections", "8"]].concat())?;
    Ok(Box::new(load::bursts(4)?))
}

/// Descriptors that wait in a unix socket are in nobody's table: an agent that starts then cannot
/// know whose they are. It makes one pass when it starts, and none for an hour.
fn unheld(site: &mut Site) -> Result<Box<dyn Any>> {
    site.end_agent();
    let in_flight = load::in_flight(100)?;
    site.replace_agent(&["--reconcile-interval", "3600", "--verify-after", "3600"])?;
    Ok(Box::new(in_flight))
}

/// Ten connections a second pass into TIME_WAIT, which lasts a minute, and few orphans stay.
fn near_limits(site: &mut Site) -> Result<Box<dyn Any>> {
    const ORPHANS: usize = 4;
    site.replace_agent_under(&[
        ("net/ipv4/tcp_max_orphans", &ORPHANS.to_string()),
        ("net/ipv4/tcp_max_tw_buckets", "100"),
    ])?;
    Ok(Box::new((load::bursts(2)?, load::orphans(ORPHANS)?)))
}

/// What is wrong with the alerts of a fault; nothing if all is well.
pub(crate) fn prove(site: &mut Site, fault: &Fault) -> Vec<String> {
    attempt(site, fault).unwrap_or_else(|error| {
        vec![format!("{error:#}\n--- the agent said ---\n{}", site.agent_log())]
    })
}

fn attempt(site: &mut Site, fault: &Fault) -> Result<Vec<String>> {
    let expected: BTreeSet<&str> = fault.alerts.iter().copied().collect();
    let mut watch = Watch::begin(site)?;
    let fails = (fault.begin)(site)?;
    let mut wanted = Wanted::of_fault(fault.name);
    let start = Instant::now();
    // Both are looked at each time: a picture may come before the alert, and be gone after it.
    loop {
        watch.look(site)?;
        let fired = seen(&watch).iter().all(|(_, seen)| expected.is_subset(seen));
        let shown = wanted.look(site, watch.from)?;
        if fired && shown || start.elapsed() >= PATIENCE {
            break;
        }
        sleep(LOOK);
    }
    eprintln!("  {}: after {:.0?}", fault.name, start.elapsed());
    watch.linger(site, Duration::from_secs(3))?;
    let log = site.agent_log();
    let missing = wanted.findings(site, watch.from);
    drop(fails);
    site.heal_agent()?;
    let mut findings = watch.end(site)?;
    for (place, seen) in seen(&watch) {
        if seen != expected {
            findings.push(format!("alerts in {place}: expected {expected:?}, seen {seen:?}"));
        }
    }
    findings.extend(missing);
    if !findings.is_empty() {
        findings.push(format!("--- the agent said ---\n{log}"));
    }
    Ok(findings)
}

/// The names of the alerts that were seen so far, in Prometheus and in Alertmanager.
fn seen(watch: &Watch) -> [(&'static str, BTreeSet<&str>); 2] {
    watch
        .places()
        .map(|(place, alerts)| (place, alerts.iter().map(|alert| alert.name.as_str()).collect()))
}

/// Fails where an alert is neither expected from a scenario or a fault nor listed with a reason why
/// not, and where a panel is to show something in a fault that there is not.
pub(crate) fn all_are_covered() {
    let fired = lab::all()
        .iter()
        .map(|scenario| scenario.alerts)
        .chain(ALL.iter().map(|fault| fault.alerts))
        .flatten();
    let known: BTreeSet<&str> =
        fired.copied().chain(NOT_FIRED.iter().map(|(name, _)| *name)).collect();
    let rules: BTreeSet<&str> = rules::all().iter().map(|alert| alert.name).collect();
    assert_eq!(
        known, rules,
        "the alerts that tests fire or say why not, and the alerts that there are"
    );
    let faults: BTreeSet<&str> = ALL.iter().map(|fault| fault.name).collect();
    assert_eq!(
        panels::faults(),
        faults,
        "the faults in which panels show something, and the faults that there are"
    );
}
