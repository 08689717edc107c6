//! Whose the sockets are that are older than the command, as a running agent answers.
//!
//! Used by `watch`. Guarantees: at most [`MOST`] connections are kept, the oldest that the agent
//! has; without an agent nothing is known.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_common::record::Endpoints;
use catalogue::labels::Role;
use hashbrown::HashMap;
use serde::Deserialize;

use super::known::Known;
use super::names;
use crate::client::{self, Agent, Failure};
use crate::query::value;
use crate::workload::UNKNOWN;

/// The most connections that are asked for.
const MOST: usize = 16_000;
/// How many of them are in one answer, which is the most that the agent gives.
const PAGE: usize = 1000;

/// Sockets by their network namespace and both ends: an answer does not name the kernel's address
/// of a socket.
#[derive(Debug, Default)]
pub(crate) struct Older(HashMap<Ends, Known>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Ends {
    netns: u32,
    local: (IpAddr, u16),
    peer: (IpAddr, u16),
}

/// What is read of an answer of `/api/v1/connections`.
#[derive(Deserialize)]
struct Answer {
    connections: Vec<Connection>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Connection {
    netns: u32,
    local_address: IpAddr,
    local_port: u16,
    peer_address: IpAddr,
    peer_port: u16,
    role: String,
    process: String,
    workload: String,
    pid: Option<u32>,
}

impl Older {
    /// Asks an agent for as long as `patience`.
    ///
    /// # Errors
    /// If none answers, or not as an agent does.
    pub(crate) fn ask(agent: &Agent<'_>, patience: Duration) -> Result<Self, Failure> {
        let end = Instant::now() + patience;
        let mut older = Self::default();
        let mut after = String::new();
        while older.0.len() < MOST {
            let left = end.saturating_duration_since(Instant::now());
            let target = format!("/api/v1/connections?limit={PAGE}{after}");
            let answer = client::fetch_for(left, agent, &target).and_then(|body| {
                serde_json::from_slice(&body).map_err(|error| Failure::Foreign(error.to_string()))
            });
            match answer.map(|answer| older.take(answer)) {
                Ok(Some(next)) => after = format!("&after={next}"),
                // What came before it is true.
                Err(error) if older.0.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(older)
    }

    /// Takes an answer; returns where the next one begins.
    fn take(&mut self, answer: Answer) -> Option<String> {
        for one in answer.connections.into_iter().take(PAGE) {
            let ends = Ends {
                netns: one.netns,
                local: (one.local_address, one.local_port),
                peer: (one.peer_address, one.peer_port),
            };
            let owner = one.pid.map(|pid| (names::printable(&one.process), pid));
            let role = value::role(&one.role).unwrap_or(Role::Unknown);
            let workload = Some(names::printable(&one.workload).into());
            let workload = workload.filter(|name: &Arc<str>| **name != *UNKNOWN);
            self.0.insert(ends, Known { owner, workload, role });
        }
        answer.next
    }

    /// Returns what the agent knew of a socket.
    pub(super) fn of(&self, ends: &Endpoints) -> Option<&Known> {
        if self.0.is_empty() { None } else { self.0.get(&Ends::of(ends)) }
    }

    /// Forgets a socket, which is another one from now on.
    pub(super) fn forget(&mut self, ends: &Endpoints) {
        if !self.0.is_empty() {
            self.0.remove(&Ends::of(ends));
        }
    }
}

impl Ends {
    fn of(ends: &Endpoints) -> Self {
        Self {
            netns: ends.netns,
            local: (names::address(ends.local), ends.local_port),
            peer: (names::address(ends.peer), ends.peer_port),
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_common::record::{Retransmit, State};
    use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, SYN_SENT};

    use super::*;
    use crate::events::watch::{Watch, Which};
    use crate::events::workloads::Workloads;

    const ANSWER: &str = r#"{"next": "x", "more": 1, "connections": [
        {"netns": 9, "local_address": "::", "local_port": 80, "peer_address": "::", "peer_port": 0,
         "role": "server", "process": "old\u001b", "workload": "w\u001b", "pid": 7,
         "state": "established"}]}"#;

    fn watch() -> Watch {
        let mut older = Older::default();
        let next = older.take(serde_json::from_str(ANSWER).unwrap());
        assert_eq!(next.as_deref(), Some("x"));
        Watch::new(Which::default(), older, Workloads::these(&[]))
    }

    fn ends() -> Endpoints {
        Endpoints { sk: 1, netns: 9, local_port: 80, ..Endpoints::default() }
    }

    /// A transition that no process has caused.
    fn moved(old: u8, new: u8) -> State {
        State { old, new, ends: ends(), ..State::default() }
    }

    #[test]
    fn what_the_agent_knew_holds_until_the_socket_closes() {
        let known = Known {
            owner: Some(("old\\u{1b}".to_owned(), 7)),
            workload: Some("w\\u{1b}".into()),
            role: Role::Server,
        };
        let mut watch = watch();
        let retransmit = Retransmit { ends: ends(), ..Retransmit::default() };
        assert_eq!(watch.retransmit(&retransmit), Some(known.clone()));
        assert_eq!(watch.transition(&moved(ESTABLISHED, CLOSE_WAIT)), Some(known.clone()));
        assert_eq!(watch.transition(&moved(CLOSE_WAIT, CLOSE)), Some(known));
        assert_eq!(watch.retransmit(&retransmit), Some(Known::NOTHING));
        let elsewhere = Endpoints { netns: 8, ..ends() };
        let retransmit = Retransmit { ends: elsewhere, ..retransmit };
        assert_eq!(watch.retransmit(&retransmit), Some(Known::NOTHING));
    }

    #[test]
    fn another_socket_with_the_same_ends_has_another_owner() {
        let known = watch().transition(&moved(CLOSE, SYN_SENT));
        assert_eq!(known, Some(Known { role: Role::Client, ..Known::NOTHING }));
    }
}
