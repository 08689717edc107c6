//! What goes out: the answer to a query as JSON. The field names are a contract with whoever reads
//! them; docs/api.md describes them.
//!
//! Made by the agent, read again by the command line; a field that an older agent does not send has
//! its default there.

use std::net::{IpAddr, Ipv6Addr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::conn::{Attribution, RowView};
use crate::duration_text;

/// When an answer was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taken {
    /// Wall-clock time, RFC 3339, UTC.
    pub taken_at: String,
    /// The same moment as `CLOCK_MONOTONIC` nanoseconds, the clock of `tcpwarden events`.
    pub taken_at_monotonic_ns: u64,
}

impl Taken {
    /// A moment on both clocks.
    #[must_use]
    pub fn at(wall: SystemTime, monotonic: u64) -> Self {
        Self { taken_at: duration_text::rfc3339(wall), taken_at_monotonic_ns: monotonic }
    }
}

/// Connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// When they were read.
    #[serde(flatten)]
    pub taken: Taken,
    /// Rows of the table that were looked at.
    pub tracked: u64,
    /// How many of them match.
    pub matched: u64,
    /// How many of those are in this answer.
    pub returned: usize,
    /// Whether there are more that match.
    pub truncated: bool,
    /// These.
    pub connections: Vec<Connection>,
}

/// A connection, or a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the JSON that readers know by its name"
)]
pub struct Connection {
    /// Its state, as `tcpwarden_connections{state}` has it.
    pub state: String,
    /// For how long it has been in the state.
    pub age_seconds: f64,
    /// Whether that is a lower bound, because the agent did not see it enter.
    pub age_at_least: bool,
    /// The time since it was born.
    pub connection_age_seconds: f64,
    /// Whether that is a lower bound.
    pub connection_age_at_least: bool,
    /// Its local address; an IPv4 one as IPv4 also where the socket is an IPv6 one.
    pub local_address: IpAddr,
    /// Its local port.
    pub local_port: u16,
    /// Its peer's address.
    pub peer_address: IpAddr,
    /// Its peer's port; 0 for a listener.
    pub peer_port: u16,
    /// The port of the service, which is that of the metrics.
    pub service_port: u16,
    /// Inode of its network namespace.
    pub netns: u32,
    /// `client`, `server` or `unknown`.
    pub role: String,
    /// Name of the process that it belongs to, as in the metrics.
    pub process: String,
    /// Id of that process in the agent's pid namespace; none where the owner is not known.
    pub pid: Option<u32>,
    /// How the owner is known: `exact`, `holder`, `listener`, `gone` or `none`.
    pub owner: String,
    /// How many processes held it when the descriptor tables were last read, 255 for more; 0 where
    /// none did, or nobody has looked yet.
    pub holders: u8,
    /// Unit, container or pod; `host` where it is in none.
    pub workload: String,
    /// Id of its cgroup; 0 where not known.
    pub cgroup: u64,
    /// Whether no descriptor referred to it when the last pass looked.
    pub orphan: bool,
    /// Of a connection in CLOSE_WAIT: `unaccepted`, `unread` or `read`.
    pub stage: Option<String>,
    /// As `ss` has it, at the last pass: bytes not read, the peer's FIN as one; of a listener the
    /// connections that wait to be accepted.
    pub receive_queue: u32,
    /// As `ss` has it, at the last pass: bytes not acknowledged, this side's SYN or FIN as one; of
    /// a listener the limit of its queue.
    pub send_queue: u32,
    /// Whether bytes wait for the peer to open its window.
    pub zero_window: bool,
    /// Segments sent again.
    pub retransmitted_segments: u32,
}

impl Default for Connection {
    fn default() -> Self {
        let nowhere = Ipv6Addr::UNSPECIFIED.into();
        Self {
            state: String::new(),
            age_seconds: 0.0,
            age_at_least: false,
            connection_age_seconds: 0.0,
            connection_age_at_least: false,
            local_address: nowhere,
            local_port: 0,
            peer_address: nowhere,
            peer_port: 0,
            service_port: 0,
            netns: 0,
            role: String::new(),
            process: String::new(),
            pid: None,
            owner: String::new(),
            holders: 0,
            workload: String::new(),
            cgroup: 0,
            orphan: false,
            stage: None,
            receive_queue: 0,
            send_queue: 0,
            zero_window: false,
            retransmitted_segments: 0,
        }
    }
}

impl Connection {
    /// A row as it is at `now`.
    #[must_use]
    pub fn of(row: &RowView, now: u64) -> Self {
        Self {
            state: row.state.as_str().to_owned(),
            age_seconds: seconds(now.saturating_sub(row.entered)),
            age_at_least: row.entered_before,
            connection_age_seconds: seconds(now.saturating_sub(row.born)),
            connection_age_at_least: row.born_before,
            local_address: row.local_address.to_canonical(),
            local_port: row.local_port,
            peer_address: row.peer_address.to_canonical(),
            peer_port: row.peer_port,
            service_port: row.service_port,
            netns: row.netns,
            role: row.role.as_str().to_owned(),
            process: row.process.to_string(),
            pid: (row.attribution != Attribution::None && row.tgid != 0).then_some(row.tgid),
            owner: row.attribution.as_str().to_owned(),
            holders: row.holders,
            workload: row.workload.to_string(),
            cgroup: row.cgroup,
            orphan: row.orphan,
            stage: row.waiting.stage.map(|stage| stage.as_str().to_owned()),
            receive_queue: row.waiting.receive_queue,
            send_queue: row.waiting.send_queue,
            zero_window: row.waiting.held_back,
            retransmitted_segments: row.retransmitted,
        }
    }
}

/// Nanoseconds as seconds, to the millisecond.
#[must_use]
pub fn seconds(nanoseconds: u64) -> f64 {
    let milliseconds = nanoseconds / 1_000_000;
    // 285,000 years of milliseconds fit into a double without loss.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1000.0
}
