//! What the board Fleet asks for: sums over all machines, so that their number is in no answer.

use catalogue::metrics::agent::BUILD_INFO;
use catalogue::metrics::connections::WORKLOAD_INFO;
use catalogue::metrics::lifecycle::CONNECT_FAILURES;

use super::{Record, sum};
use crate::alerts::tcp_fleet_connect_failures::{connecting_machines, failing_machines};
use crate::alerts::tcpwarden_agents_down::{agents, agents_down};
use crate::rules::promql::{count_by, max_by, not_other, rate, series};
use crate::site;

pub(super) const ALL: &[Record] = &[
    Record {
        name: "tcpwarden:job:agents:count",
        about: "Agents that Prometheus knows, whether they answer or not.",
        expr: |_| agents(),
        labels: &["job"],
    },
    Record {
        name: "tcpwarden:job:agents_down:count",
        about: "Agents that do not answer, as TcpwardenDown has it.",
        expr: agents_down,
        labels: &["job"],
    },
    Record {
        name: "tcpwarden:version:agents:count",
        about: "Agents by their version.",
        expr: |_| {
            let one = max_by("job, instance, version", &series(&BUILD_INFO, &[]));
            count_by("job, version", &one)
        },
        labels: &["job", "version"],
    },
    Record {
        name: "tcpwarden:workload_namespace:workload_info:max",
        about: "The namespaces of workloads; always 1.",
        expr: |_| max_by("job, workload, namespace", &series(&WORKLOAD_INFO, &[])),
        labels: &["job", "workload", "namespace"],
    },
    Record {
        name: "tcpwarden:process_alertname:instances:count",
        about: "Machines on which an alert of tcpwarden fires, by process.",
        expr: |_| {
            let firing = max_by("job, instance, workload, process, alertname", &firing());
            count_by("job, workload, process, alertname", &firing)
        },
        labels: &["job", "workload", "process", "alertname"],
    },
    Record {
        name: "tcpwarden:port_destination:failing_instances:count",
        about: "Machines that fail to connect to a port and a named destination, as \
            TcpFleetConnectFailures has it.",
        expr: failing_machines,
        labels: &["job", "port", "destination"],
    },
    Record {
        name: "tcpwarden:port_destination:connecting_instances:count",
        about: "Machines that connect to a port and a named destination.",
        expr: connecting_machines,
        labels: &["job", "port", "destination"],
    },
    Record {
        name: "tcpwarden:port_destination_reason:connect_failures:rate",
        about: "Connects to a port and a named destination that fail a second, by reason.",
        expr: |timing| {
            let failed = rate(&CONNECT_FAILURES, &[not_other("process")], timing);
            sum("job, port, destination, reason", &failed)
        },
        labels: &["job", "port", "destination", "reason"],
    },
];

/// What fires of one machine.
fn firing() -> String {
    let of_machines = r#"instance!="",alertname=~"Tcp.+",alertstate="firing""#;
    format!("ALERTS{{{}{of_machines}}}", site::of_labels(&[]))
}
