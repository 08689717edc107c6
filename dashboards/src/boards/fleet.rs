//! Fleet: which service leaks on how many machines, which port fails for how many clients, and how
//! the agents are. It asks recording rules only, and the answers do not grow with the machines.

mod agents;
mod ports;

use super::draft::{Column, Draft};
use super::promql::{Scope, sum, top_of_fleet, where_in};
use super::shared::{self, ALL, FLEET, LEAKS, NAMESPACES};
use super::{Open, Plan, Section, Shown};
use crate::alert::Alert;
use crate::alerts::{
    tcp_close_wait_growing, tcp_close_wait_stuck, tcp_established_growing, tcp_fin_wait2_stuck,
};
use crate::grafana::link::DataLink;
use crate::grafana::looks::Thresholds;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;

/// Limited by the variables of the board.
const SCOPE: Scope = Scope(&["namespace", "workload"]);

/// The recording rule of what fires.
const FIRING: &str = "tcpwarden:process_alertname:instances:count";

/// The alerts about what a service does not close.
const OF_LEAKS: [Alert; 4] = [
    tcp_close_wait_stuck::ALERT,
    tcp_close_wait_growing::ALERT,
    tcp_established_growing::ALERT,
    tcp_fin_wait2_stuck::ALERT,
];

pub(super) fn plan() -> Plan {
    Plan {
        uid: FLEET,
        title: "Fleet",
        description: "Which service leaks on how many machines, which port fails for how many \
                      clients, and how the agents are. Sums are of all machines of the job; the \
                      last table is of those that are chosen.",
        variables: shared::namespaces().into(),
        sections: vec![
            Section { id: 1, title: "Now", open: Open::Yes, panels: now() },
            Section {
                id: 2,
                title: "What fires on how many machines",
                open: Open::Yes,
                panels: fires(),
            },
            Section {
                id: 3,
                title: "What cannot be reached",
                open: Open::Yes,
                panels: ports::panels(),
            },
            Section { id: 4, title: "Agents", open: Open::Yes, panels: agents::panels() },
        ],
    }
}

/// The machines on which a service leaks, by what is not closed.
fn leaking() -> String {
    let names = OF_LEAKS.map(|alert| alert.name).join("|");
    let firing = SCOPE.recorded(FIRING, &format!(r#"alertname=~"{names}""#));
    let known = SCOPE.recorded(NAMESPACES, "");
    sum("workload, process, alertname", &where_in(&firing, "job, workload", &known))
}

fn now() -> Vec<Draft> {
    let services = format!("count({}) or vector(0)", sum("workload, process", &leaking()));
    let failing = sum("port", &ALL.recorded(ports::FAILING, ""));
    let mut panels = agents::now();
    panels.push(
        Draft::stat(14, "Services that leak", Unit::Count)
            .about(
                "Processes of a workload for which an alert about a leak fires on a machine or \
                 more.",
                "More than none.",
                &[],
                "The table below has the worst first.",
            )
            .size(6, 4)
            .limits(Thresholds::critical(1.0))
            .ask(services, "", Shown::In("fd-leak")),
    );
    panels.push(
        Draft::stat(15, "Ports that fail", Unit::Count)
            .about(
                "Destination ports to which a process fails to connect, on a machine or more.",
                "More than usual: a shared service is gone.",
                &["TcpConnectFailures"],
                "The table of ports has the one that fails for the most.",
            )
            .size(6, 4)
            .ask(format!("count({failing}) or vector(0)"), "", Shown::In("refused")),
    );
    panels
}

fn fires() -> Vec<Draft> {
    let machines = shared::number("Value", "Machines", Unit::Digits);
    let alert = || shared::column("alertname", "Alert");
    let others = sum("alertname", &ALL.recorded(FIRING, ""));
    let leaks = [whose("workload", "Workload"), whose("process", "Process"), alert()];
    vec![
        Draft::table(21, "Services that leak, by machines", "Machines")
            .about(
                "Processes of a workload that do not close what they should, by the alert that \
                 says so, with the machines on which it fires.",
                "One service on many machines: a fault of its code, not of a machine. It came \
                 with a release.",
                &[
                    "TcpCloseWaitStuck",
                    "TcpCloseWaitGrowing",
                    "TcpEstablishedGrowing",
                    "TcpFinWait2Stuck",
                ],
                "Click the process: the board Leaks tells the stage and the growth.",
            )
            .size(14, 9)
            .no_value("none")
            .columns([&leaks[..], std::slice::from_ref(&machines)].concat(), &["Time"])
            .ask(top_of_fleet(&leaking()), "", Shown::In("fd-leak")),
        Draft::table(22, "Alerts, by machines", "Machines")
            .about(
                "The alerts that fire for machines, with how often.",
                "One alert on many machines has one cause.",
                &[],
                "Follow its runbook: docs/runbooks, one page each.",
            )
            .size(10, 9)
            .no_value("none")
            .columns(vec![alert(), machines], &["Time"])
            .ask(top_of_fleet(&others), "", Shown::In("fd-leak")),
    ]
}

/// A column of names from which a click leads to the leaks of the process.
fn whose(name: &'static str, title: &'static str) -> Column {
    let link = DataLink::to_board("Its leaks", LEAKS, &[(name, name)]);
    Column { name, title, unit: None, looks: Override::of(name).links(&[link]) }
}
