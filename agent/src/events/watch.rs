//! Which events are printed, and whose they are: what earlier events told of the same socket, and
//! before those, what a running agent knew.
//!
//! Guarantee: at most [`MOST`] sockets are remembered; of those beyond, only what the event itself
//! tells is known.

use agent_common::record::{Endpoints, Retransmit, State};
use agent_common::tcp;
use catalogue::labels::{Role, SocketState};
use clap::Args;
use hashbrown::HashMap;

use super::known::Known;
use super::names;
use super::older::Older;
use super::workloads::Workloads;
use crate::listing::filter::{End, Pattern};
use crate::query::value;
use crate::workload::UNKNOWN;

/// The most sockets that are remembered.
const MOST: usize = 1 << 16;

/// Which events are printed: every given filter must match, for any of its values.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Which events")]
pub struct Which {
    /// Of a process with this name; NAME* for names that begin so
    #[arg(long, value_name = "NAME", value_parser = value::pattern)]
    pub(crate) process: Vec<Pattern>,
    /// Of a workload with this name (nginx.service, a container, a pod, host); NAME* for names that
    /// begin so
    #[arg(long, value_name = "NAME", value_parser = value::pattern)]
    pub(crate) workload: Vec<Pattern>,
    /// Of the process with this id
    #[arg(long, value_name = "PIDS", value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,
    /// With this port at either end
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    pub(crate) port: Vec<u16>,
    /// With this service port: the local port of a server, the remote port of a client
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    pub(crate) service_port: Vec<u16>,
    /// With a local end in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ENDS", value_delimiter = ',', value_parser = value::end)]
    pub(crate) local: Vec<End>,
    /// With a peer in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ENDS", value_delimiter = ',', value_parser = value::end)]
    pub(crate) peer: Vec<End>,
    /// Into or out of one of these states, or retransmitted in it
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = value::state)]
    pub(crate) state: Vec<SocketState>,
    /// With this role: client, server, unknown
    #[arg(long, value_name = "ROLES", value_delimiter = ',', value_parser = value::role)]
    pub(crate) role: Vec<Role>,
    /// In the network namespace with this inode
    #[arg(long, value_name = "INODES", value_delimiter = ',')]
    pub(crate) netns: Vec<u32>,
}

/// Remembers sockets and chooses events.
#[derive(Debug)]
pub(crate) struct Watch {
    which: Which,
    sockets: HashMap<u64, Known>,
    older: Older,
    workloads: Workloads,
}

impl Watch {
    /// Returns a watch for the events that match; of sockets that are `older` something is known.
    #[must_use]
    pub(crate) fn new(which: Which, older: Older, workloads: Workloads) -> Self {
        Self { which, sockets: HashMap::new(), older, workloads }
    }

    /// Returns what is known of a socket.
    fn known(&self, ends: &Endpoints) -> Known {
        let known = self.sockets.get(&ends.sk).or_else(|| self.older.of(ends));
        known.cloned().unwrap_or(Known::NOTHING)
    }

    /// Looks up a workload that is not known, by the cgroup or the owner.
    fn find_workload(&mut self, known: &mut Known, ends: &Endpoints) {
        if known.workload.is_none() {
            let owner = known.owner.as_ref().map_or(0, |owner| owner.1);
            known.workload = self.workloads.of(ends.cgroup, owner);
        }
    }

    /// Takes a transition. Returns what is known of its socket if it is to be printed.
    pub(crate) fn transition(&mut self, record: &State) -> Option<Known> {
        let sk = record.ends.sk;
        if matches!((record.old, record.new), (tcp::CLOSE, _) | (tcp::LISTEN, tcp::SYN_RECV)) {
            self.sockets.remove(&sk);
            self.older.forget(&record.ends);
        }
        let mut known = self.known(&record.ends);
        if let Some(owner) = names::owner(record) {
            // What was known of another process says nothing of this one.
            let is_same = known.owner.as_ref().is_some_and(|known| known.1 == owner.1);
            let workload = known.workload.filter(|_| is_same);
            known = Known { owner: Some(owner), workload, ..known };
        }
        self.find_workload(&mut known, &record.ends);
        known.role = match (known.role, record.new) {
            (Role::Unknown, tcp::SYN_SENT) => Role::Client,
            (Role::Unknown, tcp::SYN_RECV | tcp::LISTEN) => Role::Server,
            (role, _) => role,
        };
        if record.new == tcp::CLOSE {
            self.sockets.remove(&sk);
            self.older.forget(&record.ends);
        } else if self.sockets.len() < MOST || self.sockets.contains_key(&sk) {
            self.sockets.insert(sk, known.clone());
        }
        let states = [record.old, record.new];
        self.which.matches(&known, &record.ends, &states).then_some(known)
    }

    /// Takes a retransmit, likewise.
    pub(crate) fn retransmit(&mut self, record: &Retransmit) -> Option<Known> {
        let mut known = self.known(&record.ends);
        self.find_workload(&mut known, &record.ends);
        self.which.matches(&known, &record.ends, &[record.state]).then_some(known)
    }
}

impl Which {
    /// Returns whether it depends on the workload.
    pub(crate) const fn asks_for_workload(&self) -> bool {
        !self.workload.is_empty()
    }

    fn matches(&self, known: &Known, ends: &Endpoints, states: &[u8]) -> bool {
        let (local, peer) = (names::address(ends.local), names::address(ends.peer));
        let owner = known.owner.as_ref();
        let workload = known.workload.as_deref().unwrap_or(UNKNOWN);
        any(&self.process, |name| owner.is_some_and(|owner| name.matches(&owner.0)))
            && any(&self.workload, |name| name.matches(workload))
            && any(&self.pid, |pid| owner.is_some_and(|owner| owner.1 == *pid))
            && any(&self.port, |port| [ends.local_port, ends.peer_port].contains(port))
            && any(&self.service_port, |port| is_service(*port, known.role, ends))
            && any(&self.local, |end| end.holds(local, ends.local_port))
            && any(&self.peer, |end| end.holds(peer, ends.peer_port))
            && any(&self.state, |state| {
                states.iter().any(|code| SocketState::from_code(*code) == Some(*state))
            })
            && any(&self.role, |role| *role == known.role)
            && any(&self.netns, |netns| *netns == ends.netns)
    }
}

/// Returns whether a port is that of the service. Of a socket without a known side it may be
/// either.
fn is_service(port: u16, role: Role, ends: &Endpoints) -> bool {
    let server = role != Role::Client && port == ends.local_port;
    server || (role != Role::Server && port == ends.peer_port)
}

fn any<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}
