//! The part of the demo that runs as root: starts all programs, prints which alerts fire, and ends
//! what it started.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use stack::{Alertmanager, Folder, Prometheus, Scrape};
use testkit::agent::Agent;
use testkit::launch::{Launch, Output};
use testkit::process::Process;

use super::grafana::{self, Grafana};
use crate::workspace;

/// What `demo` passes to the process that runs as root.
#[derive(clap::Args)]
pub(crate) struct PlayArgs {
    scenario: String,
    #[arg(long)]
    seconds: u64,
    #[arg(long)]
    agent: PathBuf,
    #[arg(long)]
    lab: PathBuf,
    #[arg(long)]
    rules: PathBuf,
    #[arg(long)]
    production: bool,
}

/// The default port of each program, taken if it is free.
const AGENT_PORT: u16 = 10793;
const PROMETHEUS_PORT: u16 = 9090;
const ALERTMANAGER_PORT: u16 = 9093;
/// How long Prometheus may take to find the agent.
const DISCOVERY: Duration = Duration::from_secs(30);
/// The time between two polls of the alerts.
const POLL: Duration = Duration::from_millis(500);

/// Plays the demo until it is interrupted.
pub(crate) fn play(args: &PlayArgs) -> Result<()> {
    let over = interrupt()?;
    let folder = Folder::new()?;
    let port = stack::free_port(AGENT_PORT)?;
    // On the scale of the short rules: passes, checks of owners, and how long a name is young.
    let options: &[&str] = if args.production {
        &[]
    } else {
        &["--reconcile-interval", "1", "--verify-after", "1", "--young-age", "0.5"]
    };
    let agent = stack::agent(&args.agent, port, options)?;
    let alertmanager = Alertmanager::start(&folder, ALERTMANAGER_PORT)?;
    let every = Duration::from_secs(if args.production { 15 } else { 1 });
    let scrape = Scrape::of(vec![format!("127.0.0.1:{port}")], every, rules(&args.rules)?);
    let prometheus = Prometheus::start(&folder, PROMETHEUS_PORT, &scrape, &alertmanager)?;
    let grafana = grafana::start(&folder, prometheus.api.url(), scrape.every)?;
    introduce(args, port, &prometheus, &alertmanager, grafana.as_ref());
    let mut command = Command::new(&args.lab);
    command.args([
        &args.scenario,
        "--seconds",
        &args.seconds.to_string(),
        "--agent",
        &format!("http://127.0.0.1:{port}"),
    ]);
    if !args.production {
        command.arg("--short-rules");
    }
    wait_for_agent(&prometheus, &over)?;
    let lab = Launch::new("the scenario", command).output(Output::Inherited).tied().spawn()?;
    follow(lab, agent, &prometheus, &over)?;
    println!("demo: over; ending what was started");
    Ok(())
}

/// Returns a flag that SIGINT, SIGTERM and SIGHUP set.
fn interrupt() -> Result<Arc<AtomicBool>> {
    let over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&over)).context("listen to signals")?;
    }
    Ok(over)
}

/// Returns the rule files in a folder.
fn rules(folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    // Prometheus takes paths from where its configuration is, and passes over patterns that match
    // nothing.
    let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let rules: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "yml"))
        .collect();
    ensure!(!rules.is_empty(), "there are no rules in {}", folder.display());
    Ok(rules)
}

fn introduce(
    args: &PlayArgs,
    port: u16,
    prometheus: &Prometheus,
    alertmanager: &Alertmanager,
    grafana: Option<&Grafana>,
) {
    println!("demo: the agent        http://127.0.0.1:{port}/");
    println!("demo: Prometheus       {0}/alerts and {0}/graph", prometheus.api.url());
    println!(
        "demo: Alertmanager     {0}/ or: amtool --alertmanager.url={0} alert",
        alertmanager.api.url()
    );
    if let Some(grafana) = grafana {
        println!(
            "demo: Grafana          {}/dashboards (folder TCP; ready in a few seconds)",
            grafana.url
        );
    } else {
        let boards = workspace::root().join("dashboards/grafana");
        println!(
            "demo: Grafana          not installed here. To see the dashboards, import {}/*.json",
            boards.display()
        );
        println!(
            "                       into a Grafana whose data source is the Prometheus above \
             (dashboards/README.md)"
        );
    }
    if args.production {
        println!("demo: times of production: an alert takes minutes to fire");
    } else {
        println!(
            "demo: short times: a minute of an alert's time passes in a second; limits are those \
             of production"
        );
    }
    println!("demo: Ctrl-C ends everything\n");
}

/// Waits until Prometheus has scraped the agent, which takes seconds, and no longer reports it
/// down.
fn wait_for_agent(prometheus: &Prometheus, over: &AtomicBool) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < DISCOVERY && !over.load(Ordering::Relaxed) {
        if !prometheus.query("up == 1")?.is_empty() && prometheus.query("ALERTS")?.is_empty() {
            break;
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Prints which alerts begin and end to fire, until it is interrupted or the agent ends.
fn follow(
    mut lab: Process,
    mut agent: Agent,
    prometheus: &Prometheus,
    over: &AtomicBool,
) -> Result<()> {
    let start = Instant::now();
    let mut before = BTreeSet::new();
    let mut goes_on = true;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(POLL);
        ensure!(!agent.process.ended(), "the agent ended; it said:\n{}", agent.process.tail(20));
        let now = prometheus.firing()?;
        let after = start.elapsed().as_secs();
        for name in now.difference(&before) {
            println!("[{after:3} s] ALERT {name} fires; what to do: docs/runbooks/{name}.md");
        }
        for name in before.difference(&now) {
            println!("[{after:3} s] alert {name} has resolved");
        }
        before = now;
        if goes_on && lab.ended() {
            goes_on = false;
            println!(
                "demo: the failure is over; alerts resolve now, the pictures stay until Ctrl-C"
            );
        }
    }
    lab.end();
    Ok(())
}
