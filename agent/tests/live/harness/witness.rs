//! A second witness: how many events of the probed tracepoints there were, by the kernel's trace
//! buffer, and how many of them a program of the agent was run or knowingly skipped for.
//!
//! There are kernels that run no BPF program in the context of some protected process, and count no
//! skip either (seen on a hardened 6.18 with process 1: a timer or a packet that interrupts one of
//! its threads is invisible to every program, while the trace buffer has it). What such a kernel
//! withholds no agent can count, so a test that fails in its presence has shown nothing: `main`
//! runs it again. Where the programs were run for every event, a failure stands.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

use super::trace::TraceBuffer;

/// The trace events, and the program of the agent that runs once for each.
const WATCHED: [(&str, &str); 5] = [
    ("sock/inet_sock_set_state", "state"),
    ("tcp/tcp_retransmit_skb", "retransmit_skb"),
    // A program's name has at most 15 letters in the kernel.
    ("tcp/tcp_retransmit_synack", "retransmit_syna"),
    ("tcp/tcp_send_reset", "send_reset"),
    ("tcp/tcp_receive_reset", "receive_reset"),
];

/// Events of the running test that no program was run for, as the agents that have ended saw it.
static UNSEEN: AtomicI64 = AtomicI64::new(0);

/// Forgets what was noted for an earlier test.
pub(crate) fn forget() {
    UNSEEN.store(0, Ordering::Relaxed);
}

/// Adds events that the kernel says it ran no program for, where the test cannot allow for them.
pub(crate) fn add(skipped: i64) {
    UNSEEN.fetch_add(skipped, Ordering::Relaxed);
}

/// How many events of this test the kernel withheld from the agent's programs.
pub(crate) fn noted() -> i64 {
    UNSEEN.load(Ordering::Relaxed)
}

/// A trace buffer of its own beside one agent process.
pub(crate) struct Witness {
    buffer: TraceBuffer,
    agent: u32,
    /// The programs watched, by the kernel's number of them.
    programs: Vec<u64>,
    /// Events without a run when it began.
    before: i64,
    /// Has the kernel count the runs of programs while it is open.
    _statistics: OwnedFd,
}

impl Witness {
    /// Begins to watch an agent whose programs are attached; none where the kernel offers no trace
    /// buffer.
    pub(crate) fn of(agent: u32) -> Option<Self> {
        let statistics = enable_stats(Stats::RunTime).ok()?;
        let names = names();
        let runs = runs(agent);
        let buffer = TraceBuffer::new()?;
        let mut witness =
            Self { buffer, agent, programs: Vec::new(), before: 0, _statistics: statistics };
        for (event, program) in WATCHED {
            let Some(id) =
                runs.keys().find(|id| names.get(*id).is_some_and(|name| name == program))
            else {
                continue;
            };
            if witness.buffer.enable(event) {
                witness.programs.push(*id);
            }
        }
        witness.before = witness.without_run()?;
        Some(witness)
    }

    /// Adds what was withheld from this agent's programs so far to what is noted for the test.
    pub(crate) fn note(&self) {
        if let Some(now) = self.without_run() {
            UNSEEN.fetch_add(now - self.before, Ordering::Relaxed);
        }
    }

    /// Events less runs and skips since the programs were loaded, read at a moment at which none of
    /// them moves; none if there is no such moment, or the agent has ended.
    fn without_run(&self) -> Option<i64> {
        for _ in 0..100 {
            let runs = self.runs()?;
            let events = self.buffer.events()?;
            if self.runs()? == runs && self.buffer.events()? == events {
                return Some(events - runs);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn runs(&self) -> Option<i64> {
        let runs = runs(self.agent);
        self.programs.iter().map(|id| runs.get(id).copied()).sum()
    }
}

/// The names of all programs in the kernel, by number.
fn names() -> HashMap<u64, String> {
    let named = |program: aya::programs::ProgramInfo| {
        Some((u64::from(program.id()), program.name_as_str()?.to_owned()))
    };
    loaded_programs().filter_map(Result::ok).filter_map(named).collect()
}

/// How often each program that a process holds was run or, because it was running already, skipped.
fn runs(pid: u32) -> HashMap<u64, i64> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let value = |wanted: &str| {
            text.lines().find_map(|line| {
                line.split_once(':')
                    .filter(|(name, _)| *name == wanted)?
                    .1
                    .trim()
                    .parse::<i64>()
                    .ok()
            })
        };
        if let (Some(id), Some(count)) = (value("prog_id"), value("run_cnt")) {
            found.insert(id.unsigned_abs(), count + value("recursion_misses").unwrap_or(0));
        }
    }
    found
}
