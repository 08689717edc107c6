//! What the whole table counts: a few numbers that are cheap to read often.
//!
//! Filled by `view`, kept by `history`, shown on the page at `/`.

use catalogue::labels::SocketState;

use super::snapshot::Snapshot;

/// The sums of a table over all processes, workloads and services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sockets by state, in the order of `SocketState::ALL`.
    pub states: [u64; SocketState::COUNT],
    /// Sockets in TIME_WAIT, as of the last pass.
    pub time_wait: u64,
    /// Connections opened since the agent started.
    pub opened: u64,
    /// Connections closed since the agent started.
    pub closed: u64,
    /// Connects failed since the agent started.
    pub failed: u64,
    /// Segments retransmitted since the agent started.
    pub retransmitted: u64,
}

impl Totals {
    /// Returns the sums of what a snapshot shows.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut totals = Self::default();
        for group in &snapshot.groups {
            let counts = group.states.iter().map(|gauge| gauge.count);
            totals.states.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            totals.retransmitted += group.retransmitted.iter().flatten().sum::<u64>();
        }
        for service in &snapshot.services {
            totals.opened += service.opened;
            totals.closed += service.closed.iter().sum::<u64>();
            totals.failed += service.failures.iter().sum::<u64>();
        }
        totals.time_wait = snapshot.namespaces.iter().map(|namespace| namespace.time_wait).sum();
        totals
    }
}
