//! The counts of one service.
//!
//! Used by the services, and where a connection ends.

use std::sync::Arc;

use agent_common::record::Close;
use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{CloseReason, ConnectFailure, Role};

use crate::conn::histogram::{Histogram, MICROSECONDS, NANOSECONDS, WHOLE_BYTES};
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::Service;

impl Service {
    /// Counts an end, and the numbers that the kernel gave with it.
    #[inline]
    pub(crate) fn closed(
        &mut self,
        reason: CloseReason,
        lasted: Option<Nanos>,
        numbers: Option<&Close>,
    ) {
        self.closed[reason.index()] += 1;
        if let Some(lasted) = lasted {
            self.duration.observe_whole(&NANOSECONDS, lasted.get());
        }
        let Some(numbers) = numbers else { return };
        if numbers.srtt_us > 0 {
            self.srtt.observe_whole(&MICROSECONDS, u64::from(numbers.srtt_us));
        }
        self.sent_bytes.observe_whole(&WHOLE_BYTES, numbers.bytes_sent);
        self.received_bytes.observe_whole(&WHOLE_BYTES, numbers.bytes_received);
    }

    /// Counts a connect that failed.
    pub(super) fn failed(&mut self, reason: ConnectFailure) {
        self.failures[reason.index()] += 1;
    }

    /// Returns how often it has counted something.
    pub(super) fn events(&self) -> u64 {
        let ends = self.closed.iter().chain(&self.failures);
        self.opened + ends.sum::<u64>()
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.established += other.established;
        self.closed.iter_mut().zip(other.closed).for_each(|(mine, theirs)| *mine += theirs);
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| *mine += theirs);
        self.duration.add(&other.duration);
        self.connect_duration.add(&other.connect_duration);
        self.srtt.add(&other.srtt);
        self.sent_bytes.add(&other.sent_bytes);
        self.received_bytes.add(&other.received_bytes);
    }
}

/// Returns a service that has counted nothing.
pub(super) fn empty(role: Role, port: Option<u16>) -> Service {
    Service {
        process: Arc::default(),
        workload: Arc::default(),
        role,
        port,
        opened: 0,
        established: 0,
        closed: [0; CloseReason::COUNT],
        failures: [0; ConnectFailure::COUNT],
        failed_to: Vec::new(),
        duration: Histogram::new(SECONDS),
        connect_duration: Histogram::new(SECONDS),
        srtt: Histogram::new(SECONDS),
        sent_bytes: Histogram::new(BYTES),
        received_bytes: Histogram::new(BYTES),
    }
}
