//! How many TCP sockets the kernel lists, by state, in one network namespace or in all: what the
//! agent's gauges have to be equal to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::proc_net;

/// The states in which a full socket stays, as the agent's metrics name them.
pub const FULL_STATES: [&str; 9] = [
    "syn_sent",
    "syn_recv",
    "established",
    "fin_wait1",
    "fin_wait2",
    "close_wait",
    "last_ack",
    "closing",
    "listen",
];

/// How many sockets the kernel lists, by state. Sockets with a `struct sock` are under the names
/// that the agent's gauges use; the small ones under `time_wait`, `fin_wait2_orphan`,
/// `new_syn_recv`. An orphan in FIN_WAIT2 that is no small socket is a `fin_wait2_full_orphan`:
/// with `tcp_fin_timeout` above 60 s, and at times below, where the acknowledgement of its FIN came
/// while the closing task still had it locked (`tcp_rcv_state_process` sets a timer then instead of
/// calling `tcp_time_wait`; Linux 6.12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sockets(BTreeMap<&'static str, i64>);

impl Sockets {
    /// How many are in a state.
    #[must_use]
    pub fn get(&self, state: &str) -> i64 {
        self.0.get(state).copied().unwrap_or(0)
    }

    /// How many orphans are in FIN_WAIT2, in either form.
    #[must_use]
    pub fn orphans(&self) -> i64 {
        self.get("fin_wait2_orphan") + self.get("fin_wait2_full_orphan")
    }

    /// Those of one process's network namespace; none if it has ended.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let mut counts = BTreeMap::new();
        for socket in proc_net::sockets(pid).unwrap_or_default() {
            *counts.entry(gauge(&socket)).or_insert(0) += 1;
        }
        Self(counts)
    }

    /// Those of every network namespace of the machine, summed.
    #[must_use]
    pub fn machine() -> Self {
        let mut sum = BTreeMap::new();
        for pid in namespaces().into_values() {
            for (state, count) in Self::of(pid).0 {
                *sum.entry(state).or_insert(0) += count;
            }
        }
        Self(sum)
    }
}

/// The name under which [`Sockets`] counts a socket.
fn gauge(socket: &proc_net::Socket) -> &'static str {
    match (socket.state, socket.timer, socket.inode) {
        ("fin_wait2", 3, _) => "fin_wait2_orphan",
        (_, 3, _) => "time_wait",
        // A socket in SYN_RECV, which only fast open and simultaneous open make, has an inode once
        // it is accepted or connected; a request socket never has one.
        ("syn_recv", _, 0) => "new_syn_recv",
        ("fin_wait2", _, 0) => "fin_wait2_full_orphan",
        (state, ..) => state,
    }
}

/// One process for each network namespace of the machine, by inode.
#[must_use]
pub fn namespaces() -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Ok(namespace) = fs::metadata(format!("/proc/{pid}/ns/net")) {
            found.entry(namespace.ino()).or_insert(pid);
        }
    }
    found
}
