//! `cargo xtask test --full software`: the leak judge before real software.
//!
//! A folder of `xtask/software` is a kind of leak, hang, or healthy look-alike from a public
//! report: `run.sh` plays it with packages of Debian, `expected.toml` says whom the agent must name
//! for it, and whom not. The step plays all kinds at once under one agent, asks `leaks` again and
//! again for a few minutes, and compares. A miss or a false accusation fails it unless
//! `expected.toml` records it; an innocent that is called a likely leak always does.
//! docs/software.md holds such a run.
mod compare;
mod expected;
mod play;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use testkit::address::Address;
use testkit::agent::Agent;

use self::compare::{Answer, Looks, Outcome};
use self::expected::Kind;
use self::play::Play;
use crate::packages::{self, Consent};
use crate::{build, process, setup, workspace};

/// How long the kinds play before the agent is asked.
const PLAY: Duration = Duration::from_secs(285);
/// Time between two questions to the agent.
const LOOK: Duration = Duration::from_secs(15);
/// How long the agent may take to get ready, or to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the kinds whose name contains `filter`, and compares what the agent answers.
pub(super) fn main(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    ensure!(process::is_root(), "this step loads the agent and makes network namespaces: be root");
    let mut kinds = expected::all(&folder())?;
    kinds.retain(|kind| filter.is_none_or(|filter| kind.name.contains(filter)));
    ensure!(!kinds.is_empty(), "no kind of {} has this in its name", folder().display());
    packages::install(&absent(&kinds), "for the kinds of leaks", consent)?;
    let agent = build::agent(&setup::for_build(consent)?, build::Profile::Release)?;
    let _alone = testkit::turn::alone();
    let started = Instant::now();
    let scratch = Scratch::new()?;
    let (mut looks, netns) = watch(&kinds, &agent.binary, &scratch.0)?;
    let (_, last) = looks.pop().context("no answer")?;
    let mut before: Vec<Looks> = kinds.iter().map(|_| Looks::new()).collect();
    for (second, answer) in looks {
        for (of, part) in before.iter_mut().zip(answer.split(&netns).0) {
            of.push((second, part));
        }
    }
    let (mine, elsewhere) = last.split(&netns);
    let outcomes: Vec<(&Kind, Answer, Outcome)> = kinds
        .iter()
        .zip(before.iter().zip(mine))
        .map(|(kind, (before, last))| {
            let outcome = compare::compare(&kind.expected, before, &last);
            (kind, last, outcome)
        })
        .collect();
    let text = table::markdown(&outcomes);
    fs::write(results()?.join("table.md"), &text).context("write the table")?;
    println!("\n== software\n{text}");
    for suspect in &elsewhere.suspects {
        println!("elsewhere on this machine, not compared: {}", suspect.sentence);
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|(kind, _, outcome)| outcome.fails(kind.expected.known_miss.is_some()))
        .map(|(kind, ..)| kind.name.as_str())
        .collect();
    println!(
        "software: {} s without the build, failed: {}",
        started.elapsed().as_secs(),
        table::list(&failed)
    );
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays all kinds beside an agent. Returns its answers, each with its second, and the network
/// namespace of each kind.
fn watch(kinds: &[Kind], binary: &Path, scratch: &Path) -> Result<(Looks, Vec<u32>)> {
    for kind in kinds {
        play::build(kind, scratch, &results()?)?;
    }
    let address = Address::Unix(scratch.join("agent.sock"));
    let launch = Agent::launch(binary, &address, &[]).tied();
    let mut agent = Agent::start(launch, address, PATIENCE)?;
    let mut plays = Vec::new();
    for kind in kinds {
        eprintln!("software: {}: {}", kind.name, kind.expected.about);
        plays.push(Play::start(kind, scratch)?);
    }
    let started = Instant::now();
    let mut looks = Looks::new();
    let mut next = LOOK;
    while next <= PLAY {
        std::thread::sleep(Duration::from_secs(1));
        agent.process.check()?;
        plays.iter_mut().try_for_each(Play::check)?;
        if started.elapsed() >= next {
            next += LOOK;
            let text = agent.client.get("/api/v1/leaks?limit=1000")?;
            let (second, answer) = (started.elapsed().as_secs(), Answer::parse(&text)?);
            fs::write(results()?.join("answer.json"), text).context("keep the answer")?;
            let (all, suspects) = (PLAY.as_secs(), answer.suspects.len());
            eprintln!("software: {second} of {all} s, {suspects} suspects");
            looks.push((second, answer));
        }
    }
    Ok((looks, plays.iter().map(Play::netns).collect()))
}

/// The folder of the kinds.
fn folder() -> PathBuf {
    workspace::root().join("xtask/software")
}

/// The folder that keeps the table, the agent's answer, and what compilers cache.
fn results() -> Result<PathBuf> {
    let folder = workspace::root().join("target/software");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// Returns the packages of the kinds that are not installed, each once.
fn absent(kinds: &[Kind]) -> Vec<&str> {
    let mut names: Vec<&str> =
        kinds.iter().flat_map(|kind| kind.expected.packages.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !packages::is_installed(name));
    names
}

/// A folder for what the kinds write, removed with its handle. It lies where a server that gives up
/// root's rights can reach it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tcpwarden-software-{}", std::process::id()));
        if path.exists() {
            bail!("{} is there already: remove it", path.display());
        }
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
