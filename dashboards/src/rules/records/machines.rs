//! What a panel adds up over machines, one series a machine: who chooses some of them still can.

use catalogue::metrics::agent::{CONNECTIONS_LIMIT, CONNECTIONS_TRACKED, EVENTS_LOST};
use catalogue::metrics::connections::OLDEST_STATE_AGE;
use catalogue::metrics::lifecycle::{CONNECT_FAILURES, CONNECTIONS_CLOSED, CONNECTIONS_OPENED};
use catalogue::metrics::pressure::{EPHEMERAL_PORTS_USED, LISTEN_BACKLOG_USED, MAX_FDS, OPEN_FDS};

use super::{Record, sum};
use crate::alerts::tcpwarden_restarting::restarts;
use crate::rules::promql::{keys, max_by, not_other, of_agents, rate, series};
use crate::timing::{ANSWERED, Timing};

const MACHINE: &[&str] = &["job", "instance"];

pub(super) const ALL: &[Record] = &[
    Record {
        name: "tcpwarden:instance:connections_opened:rate",
        about: "Connections that are opened on a machine a second.",
        expr: |timing| {
            sum("job, instance", &rate(&CONNECTIONS_OPENED, &[not_other("process")], timing))
        },
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:connections_closed:rate",
        about: "Connections that end on a machine a second.",
        expr: |timing| {
            sum("job, instance", &rate(&CONNECTIONS_CLOSED, &[not_other("process")], timing))
        },
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance_reason:connect_failures:rate",
        about: "Connects that fail on a machine a second, by reason.",
        expr: |timing| {
            let failed = rate(&CONNECT_FAILURES, &[not_other("process")], timing);
            sum("job, instance, reason", &failed)
        },
        labels: &["job", "instance", "reason"],
    },
    Record {
        name: "tcpwarden:instance:connections_oldest_state_age_seconds:max",
        about: "For how long the oldest socket of a machine has been in a transient state.",
        // A state in which no socket was has no age.
        expr: |_| {
            let agents = format!("0 * {}", series(&CONNECTIONS_TRACKED, &[]));
            let oldest = max_by("job, instance", &series(&OLDEST_STATE_AGE, &[]));
            format!("{oldest}\nor\n{}", max_by("job, instance", &agents))
        },
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:process_fds_used_ratio:max",
        about: "Descriptors of the process of a machine that is nearest to its limit.",
        expr: |_| {
            let used = format!("{} / {}", series(&OPEN_FDS, &[]), series(&MAX_FDS, &[]));
            max_by("job, instance", &used)
        },
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:ephemeral_ports_used_ratio:max",
        about: "Local ports in use in the fullest network namespace of a machine.",
        expr: |_| max_by("job, instance", &series(&EPHEMERAL_PORTS_USED, &[])),
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:listen_backlog_used_ratio:max",
        about: "The accept queue of a machine that is nearest to its limit.",
        expr: |_| max_by("job, instance", &series(&LISTEN_BACKLOG_USED, &[])),
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:connections_tracked_ratio:max",
        about: "Share of an agent's connection table that is used.",
        expr: |_| {
            let (rows, limit) =
                (series(&CONNECTIONS_TRACKED, &[]), series(&CONNECTIONS_LIMIT, &[]));
            max_by("job, instance", &format!("{rows} / {limit}"))
        },
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:events_lost:rate",
        about: "Records that an agent loses a second.",
        expr: |timing| sum("job, instance", &rate(&EVENTS_LOST, &[], timing)),
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:scrapes_missed:ratio",
        about: "Share of the last scrapes that an agent did not answer.",
        expr: missed,
        labels: MACHINE,
    },
    Record {
        name: "tcpwarden:instance:agent_starts:changes",
        about: "How often an agent was started again.",
        expr: |timing| max_by("job, instance", &restarts("", timing)),
        labels: MACHINE,
    },
];

fn missed(timing: &Timing) -> String {
    let (up, window) = (of_agents("up"), timing.span(ANSWERED));
    format!("1 - min by {} (avg_over_time({up}[{window}]))", keys("job, instance"))
}
