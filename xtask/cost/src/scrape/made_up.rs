//! A snapshot of a given number of series, made up without a table.

use std::sync::Arc;

use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{Role, SocketState};
use tcpwarden::conn::histogram::Histogram;
use tcpwarden::conn::seen::Seen;
use tcpwarden::conn::snapshot::{Group, Queued, Service, Snapshot, StateGauge};
use tcpwarden::conn::{Limits, Nanos, Table};

use super::NOW;

/// Series of a group and a service whose histograms all hold something.
pub const PAIR: usize = 152;

/// A snapshot that makes about `series` series: as many pairs of a group and a service as that
/// takes.
#[must_use]
pub fn snapshot(series: usize) -> Snapshot {
    let pairs = series.div_ceil(PAIR);
    let empty = Table::new(Limits::default()).snapshot(Nanos::new(NOW));
    Snapshot {
        groups: (0..pairs).map(group).collect(),
        services: (0..pairs).map(service).collect(),
        ..empty
    }
}

/// A snapshot of a machine of so many processes with a service each, whose histograms all hold
/// something. All are well: none has a socket in a transient state.
#[must_use]
pub fn machine(processes: usize) -> Snapshot {
    let mut snapshot = snapshot(processes * PAIR);
    for group in &mut snapshot.groups {
        for state in SocketState::ALL.iter().filter(|state| state.can_leak()) {
            group.states[state.index()] = StateGauge::default();
        }
        (group.seen, group.close_wait) = Default::default();
    }
    snapshot
}

/// Names as they come: of different lengths, and not in order.
fn names(number: usize) -> (Arc<str>, Arc<str>) {
    let turned = number.wrapping_mul(7919) % 10_007;
    (format!("worker-{turned}").into(), format!("app-{}.service", turned % 50).into())
}

fn group(number: usize) -> Group {
    let (process, workload) = names(number);
    let count = number as u64;
    let gauge = StateGauge {
        count,
        oldest_since: Some(NOW - 1_234_567_891 * (count + 1)),
        older_than: [count.max(1), (count / 2).max(1), 1],
    };
    let mut group = Group {
        process,
        workload,
        role: Role::Client,
        states: [gauge; _],
        seen: Seen::default(),
        close_wait: [count, 2, 3],
        queued: Queued { receive_bytes: count * 1000, ..Queued::default() },
        idle_to: Vec::new(),
        retransmitted: [[count; _]; _],
    };
    group.see();
    group
}

fn service(number: usize) -> Service {
    let (process, workload) = names(number);
    let count = number as u64;
    Service {
        process,
        workload,
        role: Role::Client,
        port: Some(u16::try_from(1024 + number % 60_000).unwrap_or_default()),
        opened: count,
        established: 20,
        closed: [count; _],
        failures: [0; _],
        failed_to: Vec::new(),
        duration: observed(SECONDS, 0.37),
        connect_duration: observed(SECONDS, 0.000_123),
        srtt: observed(SECONDS, 0.021),
        sent_bytes: observed(BYTES, 1000.0),
        received_bytes: observed(BYTES, 123_456.0),
    }
}

/// What many values like this one leave behind.
fn observed(bounds: &'static [f64], value: f64) -> Histogram {
    let mut histogram = Histogram::new(bounds);
    (1..=1000_u16).for_each(|times| histogram.observe(value * f64::from(times) / 500.0));
    histogram
}
