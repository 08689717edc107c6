//! What the connection table shows to the views: plain numbers, copied out under its lock in one
//! go.
//!
//! Made by `Table::snapshot`, read by the metrics collector and the page. Its size is bounded by
//! the label budgets, not by the number of connections.

use std::sync::Arc;

use catalogue::labels::{
    CloseReason, ConnectFailure, Correction, Phase, RetransmitError, RetransmitKind, Role,
    SocketState, Stage,
};
use catalogue::limits::{IDLE_AGES, STUCK_AGES};
use hashbrown::HashMap;

use super::pressure::Pressure;
use super::seen::Seen;
use crate::conn::histogram::Histogram;
use crate::workload::Workload;

/// Everything that the table counts, at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The moment, `CLOCK_MONOTONIC` nanoseconds.
    pub taken_at: u64,
    /// The destinations that an operator has named, in the order of their names.
    pub destinations: Vec<Arc<str>>,
    /// Counts by process, workload and role.
    pub groups: Vec<Group>,
    /// Counts by process, workload, role and service port.
    pub services: Vec<Service>,
    /// The workloads that occur in `groups`, each name once.
    pub workloads: Vec<Arc<Workload>>,
    /// Time spent in a state, observed when the state is left, in the order of `Role::ALL` x
    /// `SocketState::ALL`.
    pub state_durations: Vec<(Role, SocketState, Histogram)>,
    /// Retransmitted SYN-ACKs by the listener's port; `None` for ports beyond the budget.
    pub synack_retransmits: Vec<(Option<u16>, u64)>,
    /// Segments that the kernel failed to retransmit, in the order of `RetransmitError::ALL`
    /// (reported since Linux 6.17).
    pub retransmit_failures: [u64; RetransmitError::COUNT],
    /// Retransmitted segments that the kernel counts and no record told of, as of the last pass.
    pub retransmits_unseen: u64,
    /// Sockets without a row, by network namespace, as of the last reconcile pass.
    pub namespaces: Vec<Namespace>,
    /// Listeners, ports, processes and settings, as of the last reconcile pass.
    pub pressure: Pressure,
    /// State records applied to the table.
    pub transitions: u64,
    /// Retransmit records applied to the table.
    pub retransmits: u64,
    /// Rows in the table.
    pub tracked: u64,
    /// The most rows that the table holds.
    pub limit: u64,
    /// Sockets that were refused a row because the table was full.
    pub refused: u64,
    /// Rows whose owner is not known.
    pub unattributed: u64,
    /// Rows in network namespaces that the last pass could not enter.
    pub unverified: u64,
    /// Rows in use that no process held when the descriptor tables were last read. Their last owner
    /// is shown.
    pub unheld: u64,
    /// Rows, except listeners, that more than one process held when the descriptor tables were last
    /// read.
    pub shared: u64,
    /// When the descriptor tables were last read to the end, `CLOCK_MONOTONIC` nanoseconds; `None`
    /// before the first time.
    pub owners_read: Option<u64>,
    /// Corrections by passes, and by records that did not fit their rows, in the order of
    /// `Correction::ALL`.
    pub corrections: [u64; Correction::COUNT],
    /// Rules of the agent that were broken since it started; 0 unless the agent has a fault.
    pub internal_errors: u64,
    /// How long reconcile passes took.
    pub reconcile_durations: Histogram,
    /// When the last complete pass ended, `CLOCK_MONOTONIC` nanoseconds; `None` before the first.
    pub last_reconcile: Option<u64>,
    /// Label sets folded into `~other`, by family: `groups` (owners), `services` (connections),
    /// `ports` (SYN-ACKs), `listeners` (listening sockets), `namespaces` (socket list entries),
    /// `workloads` (sockets, as `unknown`). Each thing folded counts once.
    pub label_overflow: Vec<(&'static str, u64)>,
}

/// The counts of one process in one workload and role.
#[derive(Clone, Debug)]
pub struct Group {
    /// Command name; `~other` beyond the budget, `unknown` if no owner is known.
    pub process: Arc<str>,
    /// Unit, container or pod; `host`, `unknown`, or `~other` beyond the budget.
    pub workload: Arc<str>,
    /// The side of its connections.
    pub role: Role,
    /// Gauges by state, in the order of `SocketState::ALL`.
    pub states: [StateGauge; SocketState::COUNT],
    /// Those of the gauges of leak states that have ever been above 0.
    pub seen: Seen,
    /// Sockets in CLOSE_WAIT by stage, in the order of `Stage::ALL`. They add up to the gauge of
    /// that state.
    pub close_wait: [u64; Stage::COUNT],
    /// What waited in its sockets at the last pass.
    pub queued: Queued,
    /// Those of [`Queued::idle`] that go to a named destination, by its place in
    /// [`Snapshot::destinations`].
    pub idle_to: Vec<(u8, [u64; IDLE_AGES.len()])>,
    /// Retransmitted segments, by phase and kind.
    pub retransmitted: [[u64; RetransmitKind::COUNT]; Phase::COUNT],
}

impl Group {
    /// Notes which of its gauges are above 0.
    pub fn see(&mut self) {
        for (state, gauge) in SocketState::ALL.iter().zip(&self.states) {
            self.seen.note(*state, gauge.oldest_since.is_some(), gauge.older_than);
        }
    }
}

/// How many connections each service has opened and closed since the agent started, by process,
/// workload, role and service port.
pub type Flows = HashMap<(Arc<str>, Arc<str>, Role, u16), (u64, u64)>;

/// What waits in sockets, and what they do not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// Bytes that applications have not read.
    pub receive_bytes: u64,
    /// Bytes that peers have not acknowledged, whether sent or not.
    pub send_bytes: u64,
    /// Connections that have bytes to send while the peer's window is closed.
    pub zero_window: u64,
    /// Established connections without data for longer than each of [`IDLE_AGES`].
    pub idle: [u64; IDLE_AGES.len()],
    /// Connections whose peer does not acknowledge what was sent.
    pub unacknowledged: u64,
}

/// How many sockets are in a state, and how old the oldest are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateGauge {
    /// Sockets in the state.
    pub count: u64,
    /// When the oldest socket entered the state, `CLOCK_MONOTONIC` nanoseconds. For a socket older
    /// than the agent this gives a lower bound on its age.
    pub oldest_since: Option<u64>,
    /// Sockets older than each of [`STUCK_AGES`]; counted for leak states only.
    pub older_than: [u64; STUCK_AGES.len()],
}

/// The counts of one process in one workload and role towards (client) or at (server) one service
/// port.
#[derive(Clone, Debug)]
pub struct Service {
    /// Command name, as in [`Group`].
    pub process: Arc<str>,
    /// Workload name, as in [`Group`].
    pub workload: Arc<str>,
    /// The side of its connections.
    pub role: Role,
    /// The service port; `None` beyond the budget.
    pub port: Option<u16>,
    /// Connections that the agent saw reach ESTABLISHED, or found to have done so after their
    /// record was lost.
    pub opened: u64,
    /// Connections in ESTABLISHED, as of the last pass.
    pub established: u64,
    /// Connections that ended after ESTABLISHED, in the order of `CloseReason::ALL`.
    pub closed: [u64; CloseReason::COUNT],
    /// Connects that failed, in the order of `ConnectFailure::ALL`.
    pub failures: [u64; ConnectFailure::COUNT],
    /// Those of `failures` to a named destination, by its place in [`Snapshot::destinations`]. One
    /// to which a connection went and none failed is there too.
    pub failed_to: Vec<(u8, [u64; ConnectFailure::COUNT])>,
    /// Time from ESTABLISHED to CLOSE, seconds.
    pub duration: Histogram,
    /// Time from the SYN to ESTABLISHED, seconds; clients only.
    pub connect_duration: Histogram,
    /// Smoothed round-trip time at the end, seconds.
    pub srtt: Histogram,
    /// Payload bytes sent in the connection's life.
    pub sent_bytes: Histogram,
    /// Payload bytes received in the connection's life.
    pub received_bytes: Histogram,
}

/// Sockets that only the kernel's socket list knows, in one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Inode of the namespace; 0 stands for all beyond the bound.
    pub netns: u32,
    /// Sockets in TIME_WAIT.
    pub time_wait: u64,
    /// Sockets in FIN_WAIT2 without a descriptor; the kernel keeps most of them as small sockets.
    /// What `ss` shows as FIN-WAIT-2 is these plus the gauge of that state.
    pub fin_wait2_orphan: u64,
    /// Half-open connections: SYN received, handshake not finished. Rows in SYN_RECV are not among
    /// them.
    pub syn_recv: u64,
}
