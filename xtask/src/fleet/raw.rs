//! The shipped rules over raw series: a Prometheus for each size of the fleet scrapes so many
//! replayed nodes with every rule file loaded, and says what each group of rules takes.
//!
//! All sizes run at the same time, so that windows are filled once. The times are those of a
//! machine that is busier than it had to be.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stack::{Folder, Prometheus};
use testkit::usage::Usage;

use super::groups::{Group, Groups};
use super::inventory::Inventory;
use super::made_up::CLUSTER;
use super::recorded::PATIENCE;
use super::replay::{Page, Replay};
use super::turns::Turns;
use super::verdict;
use crate::bench::interrupt::Interrupt;
use crate::results::Counts;

/// The end of the run, in which the times of the rules are read.
const MEASURED: Duration = Duration::from_secs(155);
/// Between two looks at the times, and between two lines of progress.
const LOOK: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_mins(1);

/// A Prometheus that scrapes so many nodes. The order is that in which all of it ends.
struct Site {
    nodes: usize,
    prometheus: Prometheus,
    groups: Groups,
    /// What it got of the processors when the times began to be read.
    turns: Turns,
    _folder: Folder,
}

/// What a fleet of one size took.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) nodes: usize,
    /// Nodes that are up.
    pub(super) up: u64,
    /// The samples of one scrape of one node; of all nodes the fewest and the most.
    pub(super) scraped: [u64; 2],
    /// `prometheus_tsdb_head_series`.
    pub(super) series: u64,
    pub(super) samples_a_second: f64,
    /// Memory of Prometheus, bytes.
    pub(super) memory: u64,
    /// How much of the time in which it could run it ran: the rest it waited for a processor.
    pub(super) running: f64,
    pub(super) groups: Vec<Group>,
}

/// Runs every size for so long, and judges what was seen; each claim counts as a test.
pub(super) fn run(
    inventory: &Inventory,
    page: Page,
    sizes: &[usize],
    length: Duration,
    interrupt: &Interrupt,
) -> Result<Counts> {
    let series = page.series();
    println!(
        "fleet: a page of {series} series, replayed for {sizes:?} nodes each {} s for {} min",
        inventory.scrape,
        length.as_secs() / 60
    );
    let replay = Replay::start(page)?;
    let start = |nodes: &usize| Site::start(inventory, *nodes, replay.port());
    let mut sites = sizes.iter().map(start).collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    wait(begun, length.saturating_sub(MEASURED), &mut sites, interrupt, |_| Ok(()))?;
    sites.iter_mut().try_for_each(Site::count_turns)?;
    let counted = Instant::now();
    let before = sites.iter().map(Site::appended).collect::<Result<Vec<_>>>()?;
    wait(begun, length, &mut sites, interrupt, Site::look)?;
    let after = sites.iter().map(Site::appended).collect::<Result<Vec<_>>>()?;
    let seconds = counted.elapsed().as_secs_f64();
    let running = sites.iter().map(Site::running).collect::<Result<Vec<_>>>()?;
    // All are asked for the same moment, whichever is asked first.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("before 1970")?.as_secs();
    let mut all = Vec::new();
    let rates = before.iter().zip(after).map(|(before, after)| (after - before) / seconds);
    for ((site, rate), running) in sites.into_iter().zip(rates).zip(running) {
        interrupt.check()?;
        all.push(site.end(rate, running, now)?);
    }
    println!("\n{}", verdict::table(&all));
    verdict::judge(&all, series as u64)
}

/// Looks at all sites from time to time until so long after `begun`.
fn wait(
    begun: Instant,
    until: Duration,
    sites: &mut [Site],
    interrupt: &Interrupt,
    look: impl Fn(&mut Site) -> Result<()>,
) -> Result<()> {
    let mut told = Instant::now();
    while let Some(left) = until.checked_sub(begun.elapsed()) {
        interrupt.sleep(left.min(LOOK))?;
        sites.iter_mut().try_for_each(&look)?;
        if told.elapsed() >= TELL {
            told = Instant::now();
            for site in &*sites {
                eprintln!("fleet: after {} s: {}", begun.elapsed().as_secs(), site.progress()?);
            }
        }
    }
    Ok(())
}

impl Site {
    fn start(inventory: &Inventory, nodes: usize, port: u16) -> Result<Self> {
        let folder = Folder::new()?;
        let rules: Vec<_> = inventory
            .rules
            .iter()
            .map(|file| folder.write(&file.path, &file.text))
            .collect::<Result<_>>()?;
        let node = |number: usize| {
            let mut labels = json!({
                "instance": format!("node-{number:04}"),
                "__metrics_path__": format!("/{number}"),
            });
            labels[CLUSTER] = json!(format!("cluster-{}", number % 5));
            json!({ "targets": [format!("127.0.0.1:{port}")], "labels": labels })
        };
        let nodes_of_job: Vec<_> = (0..nodes).map(node).collect();
        let config = json!({
            "global": {
                "scrape_interval": format!("{}s", inventory.scrape),
                "evaluation_interval": format!("{}s", inventory.interval),
            },
            "rule_files": rules,
            "scrape_configs": [{ "job_name": "tcpwarden", "static_configs": nodes_of_job }],
        });
        let storage = folder.path().join("raw");
        let own = stack::free_port(0)?;
        let arguments = ["--storage.tsdb.retention.time=1d"];
        let prometheus = Prometheus::configured(&folder, own, &config, &storage, &arguments)?;
        let prometheus = prometheus.patient(own, PATIENCE);
        Ok(Self {
            nodes,
            prometheus,
            groups: Groups::default(),
            turns: Turns::default(),
            _folder: folder,
        })
    }

    /// Notes how long the last evaluations took.
    fn look(&mut self) -> Result<()> {
        let page = self.prometheus.api.text("/metrics").context("while the rules are timed")?;
        self.groups.note(&page);
        Ok(())
    }

    fn count_turns(&mut self) -> Result<()> {
        self.turns = Turns::of(self.prometheus.id())?;
        Ok(())
    }

    fn running(&self) -> Result<f64> {
        Ok(Turns::of(self.prometheus.id())?.running_since(&self.turns))
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

    /// Says what was seen, and ends the Prometheus.
    fn end(self, samples_a_second: f64, running: f64, now: u64) -> Result<Seen> {
        let memory = Usage::of(self.prometheus.id())?.memory;
        let of_scrapes =
            |of: &str| self.count(&format!("{of}(scrape_samples_scraped{{job=\"tcpwarden\"}})"));
        Ok(Seen {
            nodes: self.nodes,
            up: self.count("sum(up{job=\"tcpwarden\"})")?,
            scraped: [of_scrapes("min")?, of_scrapes("max")?],
            series: self.series()?,
            samples_a_second,
            memory,
            running,
            groups: self.groups.finish(&self.prometheus, now)?,
        })
    }
}
