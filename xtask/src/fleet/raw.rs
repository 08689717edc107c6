//! The shipped rules over raw series: a Prometheus for each size of the fleet scrapes so many
//! replayed machines, and says what each group of rules takes.
//!
//! All sizes are scraped at the same time until windows of five minutes are full. Then one after
//! the other loads the rules, is timed, and ends: none evaluates beside another. Windows that are
//! longer read what there is.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stack::{Folder, Prometheus};
use testkit::usage::Usage;

use super::groups::Groups;
use super::replay::{Page, Replay};
use super::turns::Turns;
use super::verdict::{self, Seen};
use super::{INTERVAL, PATIENCE, RULES, SCRAPE};
use crate::bench::interrupt::Interrupt;
use crate::results::Counts;
use crate::workspace;

/// How long all are scraped before rules are loaded: five minutes, and a scrape more.
const FILL: Duration = Duration::from_secs(320);
/// How many evaluations of each group are timed, and for how long at most.
const EVALUATIONS: usize = 3;
const MOST: Duration = Duration::from_mins(4);
/// Between two looks at the times, and between two lines of progress.
const LOOK: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_mins(1);

/// A Prometheus that scrapes so many nodes. The order is that in which all of it ends.
struct Site {
    nodes: usize,
    prometheus: Prometheus,
    config: Value,
    folder: Folder,
}

/// Runs every size, and judges what was seen; each claim counts as a test.
pub(super) fn run(page: Page, sizes: &[usize], interrupt: &Interrupt) -> Result<Counts> {
    let series = page.series();
    println!(
        "fleet: a page of {series} series, replayed for {sizes:?} machines each {} s; rules after \
         {} s",
        SCRAPE.as_secs(),
        FILL.as_secs()
    );
    let replay = Replay::start(page)?;
    let start = |nodes: &usize| Site::start(*nodes, replay.port());
    let all = sizes.iter().map(start).collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    while let Some(left) = FILL.checked_sub(begun.elapsed()) {
        interrupt.sleep(left.min(TELL))?;
        for site in &all {
            eprintln!("fleet: after {} s: {}", begun.elapsed().as_secs(), site.progress()?);
        }
    }
    // All are asked for the same moment, whichever is asked first.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("before 1970")?.as_secs();
    let all = all.into_iter().map(|site| site.time(now, interrupt)).collect::<Result<Vec<_>>>()?;
    println!("\n{}", verdict::table(&all));
    verdict::judge(&all, series as u64)
}

impl Site {
    fn start(nodes: usize, port: u16) -> Result<Self> {
        let folder = Folder::new()?;
        let node = |number: usize| {
            let labels = json!({
                "instance": format!("node-{number:04}"),
                "__metrics_path__": format!("/{number}"),
            });
            json!({ "targets": [format!("127.0.0.1:{port}")], "labels": labels })
        };
        let nodes_of_job: Vec<_> = (0..nodes).map(node).collect();
        let config = json!({
            "global": {
                "scrape_interval": format!("{}s", SCRAPE.as_secs()),
                "evaluation_interval": format!("{}s", INTERVAL.as_secs()),
            },
            "scrape_configs": [{ "job_name": "tcpwarden", "static_configs": nodes_of_job }],
        });
        let storage = folder.path().join("raw");
        let own = stack::free_port(0)?;
        let arguments = ["--storage.tsdb.retention.time=1d"];
        let prometheus = Prometheus::configured(&folder, own, &config, &storage, &arguments)?;
        let prometheus = prometheus.patient(own, PATIENCE);
        Ok(Self { nodes, prometheus, config, folder })
    }

    /// Loads these rule files, and waits until so many groups are there.
    fn load(&mut self, rules: &[PathBuf], interrupt: &Interrupt) -> Result<()> {
        self.config["rule_files"] = json!(rules);
        self.prometheus.reload(&self.folder, &self.config)?;
        let is_loaded = || {
            let answer = self.prometheus.ask("/api/v1/rules", &[])?;
            let groups = answer["data"]["groups"].as_array().map_or(0, Vec::len);
            Ok(((groups == 0) == rules.is_empty()).then_some(()))
        };
        interrupt.wait(PATIENCE, is_loaded)?.context("the rules are not loaded")
    }

    /// Times the rules, says what was seen, and ends the Prometheus.
    fn time(mut self, now: u64, interrupt: &Interrupt) -> Result<Seen> {
        let rules = RULES.map(|file| workspace::root().join(file));
        self.load(&rules, interrupt)?;
        let (begun, turns, appended) = (Instant::now(), self.turns()?, self.appended()?);
        let mut groups = Groups::default();
        while groups.fewest() < EVALUATIONS && begun.elapsed() < MOST {
            interrupt.sleep(LOOK)?;
            let page = self.prometheus.api.text("/metrics").context("while the rules are timed")?;
            groups.note(&page);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let turns = self.turns()?.since(&turns);
        let samples_a_second = (self.appended()? - appended) / seconds;
        eprintln!("fleet: {} nodes: rules timed for {seconds:.0} s", self.nodes);
        let memory = Usage::of(self.prometheus.id())?.memory;
        let answer = self.prometheus.ask("/api/v1/rules", &[])?;
        self.load(&[], interrupt)?;
        let of_scrapes =
            |of: &str| self.count(&format!("{of}(scrape_samples_scraped{{job=\"tcpwarden\"}})"));
        Ok(Seen {
            nodes: self.nodes,
            up: self.count("sum(up{job=\"tcpwarden\"})")?,
            scraped: [of_scrapes("min")?, of_scrapes("max")?],
            series: self.series()?,
            samples_a_second,
            memory,
            processors: turns.ran() / seconds,
            running: turns.running(),
            groups: groups.finish(&answer, &self.prometheus, now)?,
        })
    }

    fn turns(&self) -> Result<Turns> {
        Turns::of(self.prometheus.id())
    }

    /// How many samples were stored so far.
    fn appended(&self) -> Result<f64> {
        self.own("prometheus_tsdb_head_samples_appended_total")
    }

    /// A number that Prometheus has of itself; the sum if there are more.
    fn own(&self, name: &str) -> Result<f64> {
        let page = self.prometheus.api.text("/metrics")?;
        let numbers = page.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let numbers: Vec<f64> =
            numbers.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
        ensure!(!numbers.is_empty(), "Prometheus says no {name}");
        Ok(numbers.iter().sum())
    }

    #[expect(clippy::cast_possible_truncation, reason = "a count")]
    #[expect(clippy::cast_sign_loss, reason = "a count")]
    fn count(&self, query: &str) -> Result<u64> {
        let answer = self.prometheus.query(query)?;
        let value = answer.first().and_then(|one| one.values.first());
        Ok(*value.with_context(|| format!("no answer to {query}"))? as u64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a count")]
    #[expect(clippy::cast_sign_loss, reason = "a count")]
    fn series(&self) -> Result<u64> {
        Ok(self.own("prometheus_tsdb_head_series")? as u64)
    }

    fn progress(&self) -> Result<String> {
        let (nodes, series) = (self.nodes, self.series()?);
        let memory = Usage::of(self.prometheus.id())?.memory >> 20;
        Ok(format!("{nodes} nodes, {series} series, {memory} MiB of Prometheus"))
    }
}
