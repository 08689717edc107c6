//! What is known beside the connections of a suspect: how its process was started, the other end,
//! who else holds the listener.
//!
//! Added to the suspects that are shown, not to those that are only counted. Guarantees: `/proc` is
//! read by a thread of its own, for which an answer waits for [`PATIENCE`] at most, because a
//! process can make a reader of its arguments wait for as long as it likes; at most
//! [`MAX_READERS`] such threads wait at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime};

use super::Watch;
use super::suspect::Suspect;
use crate::duration_text::rfc3339;
use crate::listing::peers::PeerView;
use crate::process::cmdline;
use crate::process::name::name;
use crate::process::read::Process;
use crate::process::rules::Rules;

/// How long the facts of all processes of an answer are waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most threads that wait for facts of processes.
const MAX_READERS: usize = 4;
/// The threads that wait.
static READERS: AtomicUsize = AtomicUsize::new(0);

/// How a process was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// A name that an operator recognises.
    name: String,
    /// The command line, without secrets; or the executable and the script only.
    command_line: String,
    /// When, RFC 3339.
    at: Option<String>,
}

impl Watch {
    /// Returns the same watch for a reader who may see no command lines.
    #[must_use]
    pub(crate) fn without_arguments(&self) -> Self {
        Self { shows_arguments: false, ..self.clone() }
    }
}

/// Reads how processes were started, in their order; `None` for what cannot be read in time.
/// `shows_arguments` says whether the reader of the answer may see command lines.
pub(crate) fn started(
    asked: Vec<(u32, String)>,
    rules: &Arc<Rules>,
    shows_arguments: bool,
) -> Vec<Option<Started>> {
    let count = asked.len();
    let mut all = vec![None; count];
    if count == 0 {
        return all;
    }
    if READERS.fetch_add(1, Ordering::AcqRel) >= MAX_READERS {
        READERS.fetch_sub(1, Ordering::AcqRel);
        return all;
    }
    let (told, heard) = channel();
    let rules = Arc::clone(rules);
    let read = move || {
        for (place, (pid, workload)) in asked.into_iter().enumerate() {
            let one = read(pid, &workload, &rules, shows_arguments);
            if told.send((place, one)).is_err() {
                break;
            }
        }
        READERS.fetch_sub(1, Ordering::AcqRel);
    };
    if thread::Builder::new().name("process-facts".to_owned()).spawn(read).is_err() {
        READERS.fetch_sub(1, Ordering::AcqRel);
        return all;
    }
    let end = std::time::Instant::now() + PATIENCE;
    while let Ok((place, one)) =
        heard.recv_timeout(end.saturating_duration_since(std::time::Instant::now()))
    {
        if let Some(slot) = all.get_mut(place) {
            *slot = one;
        }
    }
    all
}

fn read(pid: u32, workload: &str, rules: &Rules, shows_arguments: bool) -> Option<Started> {
    let process = Process::read(Path::new("/"), pid)?;
    // What has a slash is the name of a pod's container.
    let is_unit = workload.ends_with(".service") && !workload.contains('/');
    let unit = if is_unit { workload } else { "" };
    let facts = process.facts(unit);
    let command_line =
        if shows_arguments { cmdline::display(facts.argv) } else { cmdline::public(&facts, rules) };
    let at = process.age.and_then(|age| SystemTime::now().checked_sub(age)).map(rfc3339);
    Some(Started { name: name(&facts, rules).name, command_line, at })
}

impl Suspect {
    /// Takes how its first process was started. The sentence begins with the better name, unless
    /// that is the unit, which it names anyway.
    pub(super) fn take_started(&mut self, started: Started) {
        let better =
            !started.name.is_empty() && ![&self.process, &self.workload].contains(&&started.name);
        let (short, long) = (
            format!("process {} (", self.process),
            format!("process {} ({}, ", started.name, self.process),
        );
        if better && let Some(rest) = self.sentence.strip_prefix(&short) {
            self.sentence = long + rest;
        }
        self.name = started.name;
        self.command_line = started.command_line;
        self.started_at = started.at;
    }

    /// Takes the other end of its first connection, which is on this host.
    pub(super) fn take_peer(&mut self, peer: &PeerView) {
        let pid = peer.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let state = peer.state.as_str();
        let text = format!("; the other end is process {}{pid}, in {state}", peer.process);
        self.sentence.push_str(&text);
        self.peer_process = Some(peer.process.to_string());
        self.peer_pid = peer.pid;
        self.peer_workload = Some(peer.workload.to_string());
        self.peer_state = Some(state.to_owned());
    }

    /// Takes the process of this host whose connections end here and grow too.
    pub(super) fn take_cause(&mut self, process: &str, pid: u32) {
        let text = format!(
            "; they follow those of process {process} (pid {pid}), which end here and grow too"
        );
        self.sentence.push_str(&text);
        (self.cause_process, self.cause_pid) = (Some(process.to_owned()), Some(pid));
    }

    /// Takes the processes that hold the listener behind its connections, beside its own.
    pub(super) fn take_holders(&mut self, holders: &[u32]) {
        let own = |pid: &u32| self.pids.iter().any(|own| own.pid == *pid);
        self.other_holders = holders.iter().copied().filter(|pid| !own(pid)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_the_name_that_an_operator_knows() {
        let told = |process: &str, workload: &str, name: &str| {
            let mut suspect = Suspect {
                process: process.to_owned(),
                workload: workload.to_owned(),
                sentence: format!("process {process} (pid 7) holds 3 connections"),
                ..Suspect::default()
            };
            suspect.take_started(Started { name: name.to_owned(), ..Started::default() });
            suspect.sentence
        };
        let plain = "process python3 (pid 7) holds 3 connections";
        assert_eq!(
            told("python3", "host", "orders.py"),
            "process orders.py (python3, pid 7) holds 3 connections"
        );
        assert_eq!(told("python3", "orders.service", "orders.service"), plain);
        assert_eq!([told("python3", "host", "python3"), told("python3", "host", "")], [plain; 2]);
    }
}
