//! A connection as JSON. The field names are a contract with the readers; docs/api.md describes
//! them.
//!
//! Written by the agent and read by the command line, for which a field that an older agent does
//! not send has its default.

use std::net::{IpAddr, Ipv6Addr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::peers::PeerView;
use crate::conn::RowView;
use crate::duration_text;
use crate::nat;

/// When an answer was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Taken {
    /// The wall-clock time, RFC 3339, UTC.
    pub(crate) taken_at: String,
    /// The same time as `CLOCK_MONOTONIC` nanoseconds, the clock of `tcpwarden events`.
    pub(crate) taken_at_monotonic_ns: u64,
}

impl Taken {
    /// Returns one point in time on both clocks.
    #[must_use]
    pub(crate) fn at(wall: SystemTime, monotonic: u64) -> Self {
        Self { taken_at: duration_text::rfc3339(wall), taken_at_monotonic_ns: monotonic }
    }
}

/// A connection, or a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "each is a field of the JSON that readers know by its name"
)]
pub(crate) struct Connection {
    /// The state, as in `tcpwarden_connections{state}`.
    pub(crate) state: String,
    /// How long it has been in the state.
    pub(crate) age_seconds: f64,
    /// Whether that is a lower bound, because the agent did not see the transition.
    pub(crate) age_at_least: bool,
    /// The time since the socket was created.
    pub(crate) connection_age_seconds: f64,
    /// Whether that is a lower bound.
    pub(crate) connection_age_at_least: bool,
    /// The local address. A v4-mapped address of an IPv6 socket is written as IPv4.
    pub(crate) local_address: IpAddr,
    /// The local port.
    pub(crate) local_port: u16,
    /// The peer's address.
    pub(crate) peer_address: IpAddr,
    /// The peer's port; 0 for a listener.
    pub(crate) peer_port: u16,
    /// The port of the service, as in the metrics.
    pub(crate) service_port: u16,
    /// The inode of the network namespace.
    pub(crate) netns: u32,
    /// `client`, `server` or `unknown`.
    pub(crate) role: String,
    /// The name of the owning process, as in the metrics.
    pub(crate) process: String,
    /// The id of that process in the agent's pid namespace; `None` if the owner is not known.
    pub(crate) pid: Option<u32>,
    /// How the owner is known: `exact`, `holder`, `listener`, `elsewhere` or `none`.
    pub(crate) owner: String,
    /// How many processes held it when the descriptor tables were last read, at most 255; 0 also if
    /// they have not been read yet.
    pub(crate) holders: u8,
    /// The unit, container or pod; `host` if it is in none.
    pub(crate) workload: String,
    /// The id of the cgroup; 0 if it is not known.
    pub(crate) cgroup: u64,
    /// Whether no descriptor referred to it at the last reconcile pass.
    pub(crate) orphan: bool,
    /// In CLOSE_WAIT: `unaccepted`, `unread` or `read`.
    pub(crate) stage: Option<String>,
    /// The state of the MPTCP connection that it is a subflow of, when the descriptor tables were
    /// last read; `None` for plain TCP, and if that is not known.
    pub(crate) mptcp_state: Option<String>,
    /// How long readings have shown that state, so a lower bound.
    pub(crate) mptcp_state_seconds: Option<f64>,
    /// As in `ss`, at the last pass: unread bytes, where the peer's FIN counts as one; of a
    /// listener, the connections in its accept queue.
    pub(crate) receive_queue: u32,
    /// As in `ss`, at the last pass: unacknowledged bytes, where this side's SYN or FIN counts as
    /// one; of a listener, the limit of its accept queue.
    pub(crate) send_queue: u32,
    /// Whether bytes wait because the peer's window is closed.
    pub(crate) zero_window: bool,
    /// How many segments were retransmitted.
    pub(crate) retransmitted_segments: u32,
    /// How long it has carried no data either way, as of the last pass; `None` as long as no pass
    /// has seen it, and if the kernel does not tell. The same holds for the fields below.
    pub(crate) idle_seconds: Option<f64>,
    /// How long ago data was last sent or retransmitted.
    pub(crate) last_sent_seconds: Option<f64>,
    /// How long ago data was last received.
    pub(crate) last_received_seconds: Option<f64>,
    /// How long ago an acknowledgement was last received, keepalive's among them.
    pub(crate) last_acknowledged_seconds: Option<f64>,
    /// How long something has been unacknowledged without any progress; `None` if nothing is.
    pub(crate) unacknowledged_seconds: Option<f64>,
    /// Time-outs in a row without an acknowledgement.
    pub(crate) timeouts: u8,
    /// How often the time-out was doubled.
    pub(crate) backoff: u8,
    /// Window or keepalive probes that were not answered.
    pub(crate) probes: u8,
    /// Whether keepalive is on.
    pub(crate) keepalive: Option<bool>,
    /// Payload bytes sent, without retransmitted ones.
    pub(crate) bytes_sent: Option<u64>,
    /// Payload bytes received in order.
    pub(crate) bytes_received: Option<u64>,
    /// The process at the other end; `None` if that is not on this machine, and in the samples of
    /// `leaks`. The same holds for the fields below.
    pub(crate) peer_process: Option<String>,
    /// The id of that process; `None` also if the owner is not known.
    pub(crate) peer_pid: Option<u32>,
    /// The unit, container or pod of the other end.
    pub(crate) peer_workload: Option<String>,
    /// The state of the other end.
    pub(crate) peer_state: Option<String>,
    /// Who the peer really is, where NAT translates its address or port: the backend of a service,
    /// the client behind a masquerade. `None` where it does not, where that cannot be told, and in
    /// the samples of `leaks`. The same holds for the fields below.
    pub(crate) nat_peer_address: Option<IpAddr>,
    /// The port of that address.
    pub(crate) nat_peer_port: Option<u16>,
    /// How the peer sees this end, where NAT translates its address or port: the address of the
    /// service that the client dialled, the outside address of a masqueraded client.
    pub(crate) nat_local_address: Option<IpAddr>,
    /// The port of that address.
    pub(crate) nat_local_port: Option<u16>,
}

impl Default for Connection {
    fn default() -> Self {
        let unspecified = Ipv6Addr::UNSPECIFIED.into();
        Self {
            state: String::new(),
            age_seconds: 0.0,
            age_at_least: false,
            connection_age_seconds: 0.0,
            connection_age_at_least: false,
            local_address: unspecified,
            local_port: 0,
            peer_address: unspecified,
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
            mptcp_state: None,
            mptcp_state_seconds: None,
            receive_queue: 0,
            send_queue: 0,
            zero_window: false,
            retransmitted_segments: 0,
            idle_seconds: None,
            last_sent_seconds: None,
            last_received_seconds: None,
            last_acknowledged_seconds: None,
            unacknowledged_seconds: None,
            timeouts: 0,
            backoff: 0,
            probes: 0,
            keepalive: None,
            bytes_sent: None,
            bytes_received: None,
            peer_process: None,
            peer_pid: None,
            peer_workload: None,
            peer_state: None,
            nat_peer_address: None,
            nat_peer_port: None,
            nat_local_address: None,
            nat_local_port: None,
        }
    }
}

impl Connection {
    /// Returns a row of the table at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub(crate) fn of(row: &RowView, now: u64) -> Self {
        let activity = &row.activity;
        let multipath = activity.multipath;
        let since = |time: Option<u64>| time.map(|time| seconds(now.saturating_sub(time)));
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
            pid: row.pid(),
            owner: row.attribution.as_str().to_owned(),
            holders: row.holders,
            workload: row.workload.to_string(),
            cgroup: row.cgroup,
            orphan: row.orphan,
            stage: row.waiting.stage.map(|stage| stage.as_str().to_owned()),
            mptcp_state: multipath.map(|connection| connection.state.as_str().to_owned()),
            mptcp_state_seconds: since(multipath.map(|connection| connection.since)),
            receive_queue: row.waiting.receive_queue,
            send_queue: row.waiting.send_queue,
            zero_window: row.waiting.held_back,
            retransmitted_segments: row.retransmitted,
            idle_seconds: row.idle(now).map(seconds),
            last_sent_seconds: since(activity.sent),
            last_received_seconds: since(activity.received),
            last_acknowledged_seconds: since(activity.acked),
            unacknowledged_seconds: since(activity.stalled),
            timeouts: activity.timeouts,
            backoff: activity.backoff,
            probes: activity.probes,
            keepalive: activity.keepalive,
            bytes_sent: activity.bytes.map(|[sent, _]| sent),
            bytes_received: activity.bytes.map(|[_, received]| received),
            ..Self::default()
        }
    }

    /// Adds the other end, if it is on this machine.
    #[must_use]
    pub(crate) fn with_peer(self, peer: Option<&PeerView>) -> Self {
        Self {
            peer_process: peer.map(|peer| peer.process.to_string()),
            peer_pid: peer.and_then(|peer| peer.pid),
            peer_workload: peer.map(|peer| peer.workload.to_string()),
            peer_state: peer.map(|peer| peer.state.as_str().to_owned()),
            ..self
        }
    }
}

impl Connection {
    /// Adds the ends that the other side of NAT has, where they differ.
    #[must_use]
    pub(crate) fn with_nat(self, row: &RowView, beyond: Option<nat::Ends>) -> Self {
        let own = nat::Ends::from(row);
        let other = |own: nat::End, of: fn(nat::Ends) -> nat::End| {
            let end = beyond.map(of).filter(|end| *end != own);
            (end.map(|(address, _)| address.to_canonical()), end.map(|(_, port)| port))
        };
        let (nat_peer_address, nat_peer_port) = other(own.peer, |ends| ends.peer);
        let (nat_local_address, nat_local_port) = other(own.local, |ends| ends.local);
        Self { nat_peer_address, nat_peer_port, nat_local_address, nat_local_port, ..self }
    }
}

/// Returns nanoseconds as seconds, rounded down to the millisecond.
#[must_use]
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    let milliseconds = nanoseconds / 1_000_000;
    // 285,000 years of milliseconds fit into a double without loss.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1000.0
}
