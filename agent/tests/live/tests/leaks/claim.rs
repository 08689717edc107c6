//! What the agent has to say of a leak, and where it says otherwise.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use crate::harness::agent::Agent;
use crate::harness::listing;
use crate::harness::netns::Netns;
use crate::workload::programs::Program;

/// What the agent has to say of one process.
pub(super) struct Claim {
    pub(super) process: String,
    pub(super) state: &'static str,
    /// Of CLOSE_WAIT: which.
    pub(super) stage: Option<&'static str>,
    pub(super) count: usize,
    /// Who may be named as the holder.
    pub(super) holders: BTreeSet<u32>,
}

/// A leak that was made, and everything that keeps it there.
pub(super) struct Leak {
    pub(super) claims: Vec<Claim>,
    pub(super) made: (Instant, Instant),
    pub(super) _programs: Vec<Program>,
    pub(super) _streams: Vec<TcpStream>,
    pub(super) _sites: Vec<TcpListener>,
}

impl Claim {
    /// What the agent says otherwise, in `/metrics` or in the listing.
    pub(super) fn differs(&self, agent: &Agent, leak: &Leak, netns: &Netns) -> Option<String> {
        let page = agent.scrape();
        let names: Vec<&str> = self.process.split('|').collect();
        let sum = |family: &str, more: &[(&str, &str)]| {
            let of = |name: &&str| {
                let labels = [&[("process", *name)], more].concat();
                page.sum(family, &labels)
            };
            usize::try_from(names.iter().map(of).sum::<i64>()).unwrap_or(usize::MAX)
        };
        let connections = sum("connections", &[("state", self.state), ("workload", "host")]);
        if connections != self.count {
            return Some(format!(
                "connections of {} in {}: expected {}, seen {connections}",
                self.process, self.state, self.count
            ));
        }
        if let Some(stage) = self.stage {
            let staged = sum("close_wait_connections", &[("stage", stage)]);
            if staged != self.count {
                return Some(format!(
                    "{} in close_wait, {stage}: expected {}, seen {staged}",
                    self.process, self.count
                ));
            }
        }
        let ages = names.iter().flat_map(|name| {
            let labels = [("process", *name), ("state", self.state)];
            let found = page
                .all("connections_oldest_state_age_seconds", &labels)
                .map(|sample| sample.value);
            found.filter(|age| *age > 0.0).collect::<Vec<_>>()
        });
        // The oldest was made between the two moments; the page shows its age to a second or so.
        let (youngest, oldest) =
            (leak.made.1.elapsed().as_secs_f64() - 2.0, leak.made.0.elapsed().as_secs_f64() + 2.0);
        for age in ages {
            if !(youngest..=oldest).contains(&age) {
                return Some(format!(
                    "oldest of {} in {}: between {youngest} s and {oldest} s, seen {age} s",
                    self.process, self.state
                ));
            }
        }
        self.differs_in_listing(agent, &names, netns)
    }

    fn differs_in_listing(&self, agent: &Agent, names: &[&str], netns: &Netns) -> Option<String> {
        let mut rows = Vec::new();
        for name in names {
            rows.extend(listing::rows(
                agent,
                &format!("process={name}&state={}&netns={}", self.state, netns.inode),
            ));
        }
        if rows.len() != self.count {
            return Some(format!(
                "listed of {} in {}: expected {}, seen {}",
                self.process,
                self.state,
                self.count,
                rows.len()
            ));
        }
        rows.iter().find_map(|row| {
            let right = row["pid"]
                .as_u64()
                .and_then(|pid| u32::try_from(pid).ok())
                .is_some_and(|pid| self.holders.contains(&pid));
            let staged = self.stage.is_none_or(|stage| row["stage"] == stage);
            (!right || !staged).then(|| {
                format!("expected {:?} and stage {:?}, listed {row}", self.holders, self.stage)
            })
        })
    }
}
