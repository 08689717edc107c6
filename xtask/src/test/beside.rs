//! A step as a process of its own, which keeps its output in a file while others run beside it.
//!
//! The process is this program again, called with the hidden verb `test-step`. It leaves how it
//! ended in a second file; the output is printed in one piece when it has ended.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::step::{Done, Outcome, Step};
use crate::build::Agent;
use crate::workspace;

/// What `test` tells the process of a step.
#[derive(clap::Args)]
pub(crate) struct StepArgs {
    step: Step,
    /// The release build of the agent.
    #[arg(long)]
    agent: PathBuf,
    /// Its kernel side.
    #[arg(long)]
    object: PathBuf,
    /// Where to write how the step ended.
    #[arg(long)]
    result: PathBuf,
}

/// Runs one step in this process, and writes how it ended.
pub(crate) fn main(args: &StepArgs) -> Result<()> {
    let agent = Agent { binary: args.agent.clone(), object: args.object.clone() };
    let done = args.step.run(&agent, None)?;
    fs::write(&args.result, serde_json::to_string(&done)?)
        .with_context(|| format!("write {}", args.result.display()))
}

/// Runs one step in a process of its own; a nice one takes the processor time that others leave.
pub(super) fn run(step: Step, nice: bool, agent: &Agent) -> Outcome {
    let name = step.name();
    let folder = workspace::root().join("target/suite");
    let log = folder.join(format!("{name}.log"));
    eprintln!("suite: {name} begins, its output goes to {}", log.display());
    let started = Instant::now();
    let result = through(&command(step, nice, agent, &folder), &folder, &log, name);
    let seconds = started.elapsed().as_secs();
    let output = fs::read(&log).unwrap_or_default();
    // One call for all: a step of the other lane may end at the same time.
    println!("\n== {name}\n{}", String::from_utf8_lossy(&output).trim_end());
    eprintln!("suite: {name} ended after {seconds} s");
    Outcome { step, result, seconds }
}

/// Returns the program with its arguments.
fn command(step: Step, nice: bool, agent: &Agent, folder: &Path) -> Vec<std::ffi::OsString> {
    // A step may build this program anew; the name in /proc stays the one that runs.
    let mut words: Vec<std::ffi::OsString> = Vec::new();
    if nice {
        words.extend(["nice", "-n", "10"].map(Into::into));
    }
    words.push(format!("/proc/{}/exe", std::process::id()).into());
    words.extend(["test-step", step.name(), "--agent"].map(Into::into));
    words.push(agent.binary.clone().into());
    words.push("--object".into());
    words.push(agent.object.clone().into());
    words.push("--result".into());
    words.push(result_in(folder, step.name()).into());
    words
}

fn result_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// Runs a program with its output in `log` and reads what it left in the result file.
fn through(words: &[std::ffi::OsString], folder: &Path, log: &Path, name: &str) -> Result<Done> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let result = result_in(folder, name);
    if result.exists() {
        fs::remove_file(&result).with_context(|| format!("remove {}", result.display()))?;
    }
    let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let errors = output.try_clone().context("share the log")?;
    let (program, arguments) = words.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors);
    let status = command.status().with_context(|| format!("start the step {name}"))?;
    if !status.success() {
        let said = fs::read_to_string(log).unwrap_or_default();
        bail!("{}", reason(&said).unwrap_or(&format!("its process ended with {status}")));
    }
    let text = fs::read_to_string(&result).context("the step left no result")?;
    serde_json::from_str(&text).context("read how the step ended")
}

/// Returns the error that a process of this program printed last.
fn reason(said: &str) -> Option<&str> {
    said.lines().rev().find_map(|line| line.strip_prefix("error: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Counts;

    /// Runs a script in the place of a step.
    fn script(name: &str, text: &str) -> (Result<Done>, String) {
        let folder = std::env::temp_dir().join(format!("suite-{name}-{}", std::process::id()));
        let log = folder.join("log");
        let text = text.replace("RESULT", &result_in(&folder, name).to_string_lossy());
        let done = through(&["sh".into(), "-c".into(), text.into()], &folder, &log, name);
        let said = fs::read_to_string(&log).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        (done, said)
    }

    #[test]
    fn a_step_hands_back_its_counts_and_keeps_both_streams() {
        let left = serde_json::to_string(&Done::Ran(Counts { passed: 3, failed: 1 })).unwrap();
        let (done, said) = script("ran", &format!("echo one; echo two >&2; echo '{left}' >RESULT"));
        assert_eq!(done.unwrap(), Done::Ran(Counts { passed: 3, failed: 1 }));
        assert_eq!(said, "one\ntwo\n");
    }

    #[test]
    fn a_step_that_breaks_off_hands_back_its_error() {
        let (done, _) = script("broken", "echo 'error: no such thing' >&2; exit 1");
        assert_eq!(format!("{:#}", done.unwrap_err()), "no such thing");
        let (done, _) = script("silent", "exit 3");
        assert!(format!("{:#}", done.unwrap_err()).contains("exit status: 3"));
    }

    #[test]
    fn a_step_without_a_result_is_an_error() {
        let (done, _) = script("nothing", "true");
        assert_eq!(done.unwrap_err().to_string(), "the step left no result");
    }
}
