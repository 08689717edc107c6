//! What the kernel reports of its programs and their links, read from `/proc/self/fdinfo` on a
//! cadence, never at scrape.
//!
//! `recursion_misses` (5.12) counts the runs that the kernel skipped because the same program was
//! already running on that CPU (`__bpf_trace_run`, 6.1): a loss that no ring can see.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use super::links::Links;

/// The programs to ask about.
#[derive(Debug)]
pub struct RunStats {
    programs: Vec<(&'static str, OwnedFd)>,
    links: Links,
}

/// What one program has done since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramRuns {
    /// The number of runs; 0 unless `kernel.bpf_stats_enabled` is on.
    pub runs: u64,
    /// The time of all runs, nanoseconds; 0 unless `kernel.bpf_stats_enabled` is on.
    pub nanoseconds: u64,
    /// Runs that the kernel skipped because the program was already running on the CPU.
    pub missed: u64,
}

impl RunStats {
    pub(super) fn new(programs: Vec<(&'static str, OwnedFd)>, links: Links) -> Self {
        Self { programs, links }
    }

    /// Returns the name of a probe that is no longer attached though it was at the start.
    #[must_use]
    pub fn detached(&self) -> Option<&'static str> {
        self.links.gone()
    }

    /// Reads the numbers of every program; each comes with its probe's name.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, ProgramRuns)> + '_ {
        self.programs.iter().filter_map(|(name, fd)| {
            let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
            Some((*name, parse(&text)))
        })
    }
}

fn parse(text: &str) -> ProgramRuns {
    let mut runs = ProgramRuns::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let Ok(value) = value.trim().parse() else { continue };
        match name {
            "run_cnt" => runs.runs = value,
            "run_time_ns" => runs.nanoseconds = value,
            "recursion_misses" => runs.missed = value,
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_among_other_lines() {
        let text = "pos:\t0\nprog_type:\t26\nprog_tag:\tdeadbeef\nrun_time_ns:\t1200\n\
                    run_cnt:\t10\nrecursion_misses:\t3\n";
        assert_eq!(parse(text), ProgramRuns { runs: 10, nanoseconds: 1200, missed: 3 });
        assert_eq!(parse("run_cnt:\tmany\n:::\n"), ProgramRuns::default());
    }
}
