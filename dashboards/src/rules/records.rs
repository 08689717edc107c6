//! Recording rules: what a panel over many nodes would otherwise read thousands of series for.
//! Names are `tcpwarden:LEVEL:METRIC:OPERATION`, where LEVEL names the labels that are left.

mod fleet;
mod machines;

use std::sync::LazyLock;

use catalogue::metrics::Metric;
use catalogue::metrics::connections::{CONNECTIONS, CONNECTIONS_STUCK};
use catalogue::metrics::lifecycle::{
    CONNECT_DURATION, CONNECT_FAILURES, CONNECTION_SRTT, CONNECTIONS_CLOSED, CONNECTIONS_OPENED,
    RETRANSMITTED_SEGMENTS,
};
use catalogue::metrics::pressure::{IDLE, LISTEN_UNACCEPTED, UNACKNOWLEDGED};

use super::promql::{keys, not_other, part, rate, series};
use crate::alerts::tcp_retransmit_ratio_high;
use crate::timing::{RATE, Timing};

/// One recording rule.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// The series that it writes.
    pub name: &'static str,
    /// What that is.
    pub about: &'static str,
    /// What is written.
    pub expr: fn(&Timing) -> String,
    /// The labels that are left, besides those of the rule itself.
    pub labels: &'static [&'static str],
}

impl Record {
    /// What is written, with what the site adds.
    #[must_use]
    pub fn expression(&self, timing: &Timing) -> String {
        timing.site(None).fill(&(self.expr)(timing))
    }
}

/// Every recording rule.
#[must_use]
pub fn all() -> &'static [Record] {
    static ALL: LazyLock<Vec<Record>> =
        LazyLock::new(|| [WORKLOADS, machines::ALL, fleet::ALL].concat());
    &ALL
}

const WORKLOADS: &[Record] = &[
    Record {
        name: "tcpwarden:job_state:connections:sum",
        about: "Sockets of a fleet by state.",
        expr: |_| sum("job, state", &series(&CONNECTIONS, &[])),
        labels: &["job", "state"],
    },
    Record {
        name: "tcpwarden:instance_state:connections:sum",
        about: "Sockets of a machine by state.",
        expr: |_| sum("job, instance, state", &series(&CONNECTIONS, &[])),
        labels: &["job", "instance", "state"],
    },
    Record {
        name: "tcpwarden:workload_state:connections:sum",
        about: "Sockets of a workload by state, over all its machines.",
        expr: |_| sum("job, workload, state", &series(&CONNECTIONS, &[])),
        labels: &["job", "workload", "state"],
    },
    Record {
        name: "tcpwarden:workload_state:connections_stuck:sum",
        about: "Sockets of a workload in a transient state for longer than min_age seconds.",
        expr: |_| sum("job, workload, state, min_age", &series(&CONNECTIONS_STUCK, &[])),
        labels: &["job", "workload", "state", "min_age"],
    },
    Record {
        name: "tcpwarden:workload_min_idle:connections_idle:sum",
        about: "Connections of a workload that are idle for longer than min_idle seconds.",
        expr: |_| sum("job, workload, role, min_idle", &series(&IDLE, &[])),
        labels: &["job", "workload", "role", "min_idle"],
    },
    Record {
        name: "tcpwarden:workload:connections_unacknowledged:sum",
        about: "Connections of a workload whose peers do not acknowledge, by side.",
        expr: |_| sum("job, workload, role", &series(&UNACKNOWLEDGED, &[])),
        labels: &["job", "workload", "role"],
    },
    Record {
        name: "tcpwarden:workload:listen_unaccepted_connections:sum",
        about: "Connections that wait to be accepted at the listeners of a workload.",
        expr: |_| sum("job, workload", &series(&LISTEN_UNACCEPTED, &[])),
        labels: &["job", "workload"],
    },
    Record {
        name: "tcpwarden:workload:connections_opened:rate",
        about: "Connections that a workload opens a second, by side.",
        expr: |timing| {
            sum("job, workload, role", &rate(&CONNECTIONS_OPENED, &[not_other("process")], timing))
        },
        labels: &["job", "workload", "role"],
    },
    Record {
        name: "tcpwarden:workload_reason:connections_closed:rate",
        about: "Connections of a workload that end a second, by what ended them.",
        expr: |timing| {
            sum(
                "job, workload, reason",
                &rate(&CONNECTIONS_CLOSED, &[not_other("process")], timing),
            )
        },
        labels: &["job", "workload", "reason"],
    },
    Record {
        name: "tcpwarden:workload_reason:connect_failures:rate",
        about: "Connects of a workload that fail a second, by reason.",
        expr: |timing| {
            sum("job, workload, reason", &rate(&CONNECT_FAILURES, &[not_other("process")], timing))
        },
        labels: &["job", "workload", "reason"],
    },
    Record {
        name: "tcpwarden:workload:retransmitted_segments:rate",
        about: "Segments that a workload retransmits a second, by phase and kind.",
        expr: |timing| {
            sum(
                "job, workload, phase, kind",
                &rate(&RETRANSMITTED_SEGMENTS, &[not_other("process")], timing),
            )
        },
        labels: &["job", "workload", "phase", "kind"],
    },
    Record {
        name: "tcpwarden:instance:retransmit_ratio:rate",
        about: "Share of a machine's segments that are retransmitted, SYNs excluded.",
        expr: tcp_retransmit_ratio_high::ratio,
        labels: &["job", "instance"],
    },
    Record {
        name: "tcpwarden:job_le:connect_duration_seconds_bucket:rate",
        about: "Times of connects of a fleet, for quantiles.",
        expr: |timing| buckets(&CONNECT_DURATION, timing),
        labels: &["job", "le"],
    },
    Record {
        name: "tcpwarden:job_le:connection_srtt_seconds_bucket:rate",
        about: "Round-trip times of a fleet's connections, for quantiles.",
        expr: |timing| buckets(&CONNECTION_SRTT, timing),
        labels: &["job", "le"],
    },
];

fn sum(by: &str, of: &str) -> String {
    format!("sum by {} ({of})", keys(by))
}

fn buckets(histogram: &Metric, timing: &Timing) -> String {
    let buckets = part(histogram, "_bucket", &[not_other("process")]);
    sum("job, le", &format!("rate({buckets}[{}])", timing.span(RATE)))
}
