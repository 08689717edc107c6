//! What only a running agent knows: its page, the listeners, idle connections, ports in use.
//!
//! Guarantees: an agent of another machine is not taken for that of this one; each question has its
//! own reason if it is not answered, and all of them have a bound in time and bytes (`client`).

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::page::Page;
use crate::client::{self, Agent, Failure};
use crate::clock::monotonic;
use crate::listing::answer::{Connection, Taken};
use crate::listing::group::Group;
use crate::query::connections::Connections;
use crate::query::ports::{PortUse, Ports};

/// How long each question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The page, and the questions. The listeners with the longest accept queues come first.
const METRICS: &str = "/metrics";
const PORTS: &str = "/api/v1/ports";
const LISTENERS: &str = "/api/v1/connections?state=listen&sort=receive_queue&limit=1000";
const IDLE: &str = "/api/v1/connections?state=established&role=server&keepalive=no&min_idle=1h\
                    &group_by=process&limit=100";

/// What the agent told, or for each question why it did not.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The page of metrics.
    pub(crate) page: Result<Page, String>,
    /// The destinations with the most ports in use.
    pub(crate) ports: Result<Vec<PortUse>, String>,
    /// The listeners, and how many of them are left out.
    pub(crate) listeners: Result<(Vec<Connection>, u64), String>,
    /// The processes with connections of servers that have been idle for an hour without keepalive.
    pub(crate) idle: Result<Vec<Group>, String>,
}

impl Told {
    /// Returns that nothing was told.
    pub(crate) fn nothing(why: &str) -> Self {
        let why = || why.to_owned();
        Self { page: Err(why()), ports: Err(why()), listeners: Err(why()), idle: Err(why()) }
    }

    /// Asks an agent; what is not answered has its reason.
    ///
    /// # Errors
    /// An option that says how to ask is of no use.
    pub(crate) fn ask(agent: &Agent<'_>) -> Result<Self, String> {
        let before = monotonic();
        let ports = match fetch::<Ports>(agent, PORTS) {
            Err(Failure::Options(wrong)) => return Err(wrong),
            Err(failure @ (Failure::Unreachable(_) | Failure::Slow(_) | Failure::Tls(_))) => {
                return Ok(Self::nothing(&format!("no agent at {}: {failure}", agent.place())));
            }
            answer => answer.map_err(|failure| failure.to_string()),
        };
        let is_here = match &ports {
            Ok(ports) => is_between(&ports.taken, before, monotonic()),
            // Nothing but its place tells.
            Err(_) => agent.addresses.iter().all(client::Address::is_local),
        };
        if !is_here {
            return Ok(Self::nothing(&format!(
                "the agent at {} is not known to be of this machine: run doctor on that machine",
                agent.place()
            )));
        }
        let why = |failure: Failure| failure.to_string();
        let page = client::fetch_for(PATIENCE, agent, METRICS).map_err(why);
        let connections = |target| fetch::<Connections>(agent, target).map_err(why);
        Ok(Self {
            page: page.map(|body| Page::parse(&String::from_utf8_lossy(&body))),
            ports: ports.map(|ports| ports.destinations),
            listeners: connections(LISTENERS).map(|answer| {
                let left_out = answer.matched.saturating_sub(answer.connections.len() as u64);
                (answer.connections, left_out)
            }),
            idle: connections(IDLE).and_then(|answer| {
                let grouped = answer.grouped.map(|grouped| grouped.groups);
                grouped.ok_or_else(|| "its answer has no groups".to_owned())
            }),
        })
    }
}

/// Whether an answer was made between two moments of this machine's clock: another machine's clock
/// began at another time.
const fn is_between(taken: &Taken, before: u64, after: u64) -> bool {
    before <= taken.taken_at_monotonic_ns && taken.taken_at_monotonic_ns <= after
}

fn fetch<A: DeserializeOwned>(agent: &Agent<'_>, target: &str) -> Result<A, Failure> {
    let body = client::fetch_for(PATIENCE, agent, target)?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::Foreign(format!("its answer is not what an agent of this version sends: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::client::{Address, AgentOptions};

    /// Asks what answers each request with this body, on a socket file.
    fn asked(name: &str, body: &'static str) -> Told {
        let file = format!("tcpwarden-doctor-{name}-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(file);
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        let address: Address = format!("unix:{}", path.display()).parse().unwrap();
        let options = AgentOptions::default();
        let told = Told::ask(&Agent { addresses: &[address], options: &options }).unwrap();
        std::fs::remove_file(path).unwrap();
        told
    }

    #[test]
    fn an_agent_of_another_machine_tells_nothing() {
        let told = asked("other", "{\"taken_at_monotonic_ns\": 5}");
        let why = told.page.unwrap_err();
        assert!(why.contains("not known to be of this machine"), "{why}");
        let now = monotonic();
        let at = |ns| Taken { taken_at: String::new(), taken_at_monotonic_ns: ns };
        assert!(is_between(&at(now), now, now) && !is_between(&at(now - 1), now, now));
        assert!(!is_between(&at(now + 1), now, now));
    }

    #[test]
    fn what_makes_no_sense_is_a_reason_for_each_question() {
        let told = asked("garbage", "tcpwarden_connections_tracked 5\n");
        assert_eq!(told.page.unwrap().sum("connections_tracked"), Some(5));
        for why in [told.ports.unwrap_err(), told.listeners.unwrap_err(), told.idle.unwrap_err()] {
            assert!(why.contains("not what an agent of this version sends"), "{why}");
        }
    }

    #[test]
    fn without_an_agent_each_question_has_the_reason() {
        let nowhere: Address = "unix:/nonexistent/tcpwarden.sock".parse().unwrap();
        let options = AgentOptions::default();
        let told = Told::ask(&Agent { addresses: &[nowhere], options: &options }).unwrap();
        assert!(told.idle.unwrap_err().contains("/nonexistent/tcpwarden.sock"));
        assert!(told.page.is_err() && told.ports.is_err() && told.listeners.is_err());
    }
}
