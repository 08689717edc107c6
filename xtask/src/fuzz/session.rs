//! The run of one target: its folders, its process, and how it ended.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::launch::{Launch, Output};
use testkit::process::Process;

use super::said::{self, Status};
use crate::{process, workspace};

/// The longest input, bytes: what is longer makes a run slow and reaches nothing else.
const LONGEST: usize = 4096;
/// How long one input may take, and how much memory the process may have, seconds and MiB.
const PATIENCE: u64 = 10;
const MEMORY: u64 = 1024;
/// A target reaches more edges than these, even with nothing in its corpus. If not, none are
/// counted, and the inputs were drawn blindly.
const FEWEST_EDGES: u64 = 30;
/// The longest file that is kept in a corpus, bytes.
const LONGEST_KEPT: usize = 1024;
/// The most files of a corpus that grows by itself.
const MOST_KEPT: usize = 60;

/// Returns the folder of all that is built and found.
pub(super) fn home() -> PathBuf {
    workspace::root().join("target/fuzz")
}

/// Returns the folder of the corpora that are part of the source.
pub(super) fn corpora() -> PathBuf {
    workspace::root().join("agent/fuzz/corpus")
}

/// Returns the program for one target.
fn command(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("TCPWARDEN_FUZZ_TARGET", target).env("RUST_BACKTRACE", "0");
    command
}

/// Returns a folder of one target below the home, made if it is not there.
fn folder(what: &str, target: &str) -> Result<PathBuf> {
    let folder = home().join(what).join(target);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// A target that runs.
pub(super) struct Session {
    target: String,
    process: Process,
    log: PathBuf,
    last: PathBuf,
    /// Where libFuzzer writes an input that fails; emptied before.
    found: PathBuf,
}

impl Session {
    /// Starts a target for that long, from its corpus and from what earlier runs found.
    pub(super) fn start(program: &Path, target: &str, time: Duration) -> Result<Self> {
        let (corpus, found) = (folder("corpus", target)?, folder("found", target)?);
        fs::remove_dir_all(&found)
            .and_then(|()| fs::create_dir(&found))
            .context("empty a folder")?;
        let (log, last) = (found.join("log"), found.join("last"));
        let file = File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let mut command = command(program, target);
        command
            .env("TCPWARDEN_FUZZ_LAST", &last)
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-timeout={PATIENCE}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .args([&corpus, &corpora().join(target)])
            .stdout(file.try_clone().context("share the log")?)
            .stderr(file);
        let launch = Launch::new(target, command).output(Output::Inherited);
        let process = launch.own_group().spawn()?;
        Ok(Self { target: target.to_owned(), process, log, last, found })
    }

    /// Returns how far it is, as a line.
    pub(super) fn progress(&self) -> String {
        let status = Status::last(&self.said()).unwrap_or_default();
        let Status { runs, edges, corpus, .. } = status;
        format!("{}: {runs} runs, {edges} edges, {corpus} inputs", self.target)
    }

    /// Returns how it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Result<Option<Ended>> {
        let Some(status) = self.process.status()? else { return Ok(None) };
        let log = self.said();
        let last = Status::last(&log).unwrap_or_default();
        let fault = self.fault(status, &log, last)?;
        Ok(Some(Ended {
            target: self.target.clone(),
            first: Status::first(&log).unwrap_or_default(),
            last,
            edges_of_all: said::edges_of_all(&log),
            fault,
        }))
    }

    fn said(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn fault(&self, status: ExitStatus, log: &str, last: Status) -> Result<Option<Fault>> {
        let reason = said::reason(log).join("\n");
        if status.success() {
            let blind = format!(
                "it reached {} edges, at least {FEWEST_EDGES} are expected: edges are not counted",
                last.edges
            );
            let fault = Fault { what: blind, input: None };
            return Ok((last.edges < FEWEST_EDGES).then_some(fault));
        }
        let what = format!("it ended with {status}\n{reason}");
        let kept = ["crash-", "timeout-", "oom-", "leak-"];
        let is_kept = |name: &OsString| {
            let name = name.to_string_lossy();
            kept.iter().any(|start| name.starts_with(start))
        };
        let mut inputs = files(&self.found)?.into_iter();
        let input = inputs.find(|(name, _)| is_kept(name)).map(|(_, path)| path);
        let input = input.or_else(|| self.last.is_file().then(|| self.last.clone()));
        Ok(Some(Fault { what, input }))
    }
}

/// What is wrong, and on which input.
#[derive(Debug)]
pub(super) struct Fault {
    what: String,
    input: Option<PathBuf>,
}

/// A target that has run.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) target: String,
    first: Status,
    last: Status,
    edges_of_all: u64,
    pub(super) fault: Option<Fault>,
}

impl Ended {
    /// The first line of the table of [`Self::row`].
    pub(super) const HEAD: &str =
        "TARGET            RUNS    EDGES  OF ALL  BEFORE  FEATURES  INPUTS  RESULT";

    /// Returns its line of the table: `BEFORE` are the edges that the corpus and the inputs of
    /// earlier runs reach, `OF ALL` those of the whole program.
    pub(super) fn row(&self) -> String {
        let Self { target, first, last, edges_of_all, fault } = self;
        let result = if fault.is_some() { "FAILED" } else { "ok" };
        format!(
            "{target:<13} {:>8} {:>8} {edges_of_all:>7} {:>7} {:>9} {:>7}  {result}",
            last.runs, last.edges, first.edges, last.features, last.corpus
        )
    }

    /// Returns one line about it.
    pub(super) fn line(&self) -> String {
        let result = if self.fault.is_some() { "FAILED" } else { "done" };
        format!("{}: {result}, {} runs, {} edges", self.target, self.last.runs, self.last.edges)
    }

    /// Returns what is wrong, where the input is, and how it runs again; empty if nothing is.
    pub(super) fn why(&self) -> String {
        let Some(Fault { what, input }) = &self.fault else { return String::new() };
        let target = &self.target;
        let Some(input) = input else { return format!("{target}: {what}") };
        let input = input.display();
        format!(
            "{target}: {what}\nthe input: {input}\nagain: cp {input} \
             agent/fuzz/corpus/{target}/NAME && cargo test -p tcpwarden --lib fuzz"
        )
    }
}

/// Adds to the corpus of a target some of what reaches edges that nothing there reaches: the
/// longest, because these reach the most, until it has [`MOST_KEPT`] files. Returns how many files
/// that are.
pub(super) fn keep(program: &Path, target: &str) -> Result<usize> {
    let own = corpora().join(target);
    let merged = folder("merged", target)?;
    fs::remove_dir_all(&merged).and_then(|()| fs::create_dir(&merged)).context("empty a folder")?;
    for (name, path) in files(&own)? {
        fs::copy(path, merged.join(name)).context("copy a corpus")?;
    }
    let mut command = command(program, target);
    command
        .args(["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0"])
        .arg(format!("-max_len={LONGEST_KEPT}"))
        .args([&merged, &folder("corpus", target)?]);
    process::output(&mut command)?;
    let mut found = files(&merged)?;
    found.retain(|(name, _)| !own.join(name).exists());
    found.sort_by_cached_key(|(_, path)| {
        std::cmp::Reverse(path.metadata().map_or(0, |metadata| metadata.len()))
    });
    found.truncate(MOST_KEPT.saturating_sub(files(&own)?.len()));
    for (name, path) in &found {
        fs::copy(path, own.join(name)).context("add to a corpus")?;
    }
    Ok(found.len())
}

/// Returns names and paths of the files of a folder.
fn files(folder: &Path) -> Result<Vec<(OsString, PathBuf)>> {
    let entries = folder.read_dir().with_context(|| format!("read {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| (entry.file_name(), entry.path())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_with_its_input_and_how_it_runs_again() {
        let input = Some(PathBuf::from("/found/crash-1"));
        let fault = Some(Fault { what: "index out of bounds".to_owned(), input });
        let status = Status { runs: 7, edges: 40, features: 41, corpus: 2 };
        let target = "records".to_owned();
        let ended = Ended { target, first: status, last: status, edges_of_all: 99, fault };
        let why = ended.why();
        assert!(why.contains("index out of bounds") && why.contains("cp /found/crash-1"), "{why}");
        assert!(ended.row().ends_with("FAILED") && ended.line().contains("FAILED, 7 runs"));
        let fine = Ended { fault: None, ..ended };
        assert_eq!((fine.why().as_str(), fine.row().ends_with("ok")), ("", true));
    }
}
