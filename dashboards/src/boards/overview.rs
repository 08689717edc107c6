//! Overview: is something wrong, what, and whose is it? From here to the other boards.

use catalogue::metrics::connections::{CONNECTIONS, OLDEST_STATE_AGE, TIME_WAIT_SOCKETS};
use catalogue::metrics::lifecycle::{RESETS_RECEIVED, RESETS_SENT};

use super::draft::Draft;
use super::promql::{max, sum, top, where_in};
use super::shared::{AGENT, ALL, CAPACITY, LEAKS, NETWORK, OVERVIEW, SERVICES};
use super::{Open, Plan, Section, Shown, network, shared};
use crate::alerts::tcp_retransmit_ratio_high::RETRANSMIT_RATIO;
use crate::grafana::link::DataLink;
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;
use crate::threshold::{USED_RATIO_CRITICAL, USED_RATIO_WARNING};
use crate::timing::STUCK_AGE;

/// Sockets by state, of each machine.
const STATES: &str = "tcpwarden:instance_state:connections:sum";
/// Failed connects by reason, of each machine.
const FAILURES: &str = "tcpwarden:instance_reason:connect_failures:rate";

pub(super) fn plan() -> Plan {
    Plan {
        uid: OVERVIEW,
        title: "Overview",
        description: "Every TCP socket of the selected hosts: is something wrong, what, and whose \
                      is it?",
        variables: Vec::new(),
        sections: vec![
            Section { id: 1, title: "Now", open: Open::Yes, panels: [now(), worst()].concat() },
            Section { id: 2, title: "Who", open: Open::Yes, panels: who() },
            Section {
                id: 3,
                title: "What happens",
                open: Open::Yes,
                panels: [traffic(), quality()].concat(),
            },
        ],
    }
}

fn now() -> Vec<Draft> {
    let down = format!("count({up}) - sum({up})", up = ALL.of_targets("up"));
    vec![
        Draft::stat(11, "Alerts firing", Unit::Count)
            .about(
                "Alerts of tcpwarden that fire now on the selected hosts.",
                "More than none.",
                &[],
                "Read the table of firing alerts below; each alert links its runbook.",
            )
            .limits(Thresholds::critical(1.0))
            .ask(format!("count({}) or vector(0)", shared::firing()), "", Shown::In("fd-leak")),
        Draft::stat(12, "Agents silent", Unit::Count)
            .about(
                "Agents that do not answer Prometheus.",
                "More than none: those hosts are not watched.",
                &["TcpwardenDown"],
                "Look at the unit tcpwarden on the host, and at the board Agent.",
            )
            .limits(Thresholds::critical(1.0))
            .link(DataLink::to_board("Agent", AGENT, &[]))
            .ask(down, "", Shown::InFault(shared::DOWN)),
        Draft::stat(13, "Established", Unit::Count)
            .about(
                "Open connections.",
                "A steady rise under steady traffic is a leak or a pool without a limit.",
                &[],
                "See below who holds them.",
            )
            .spark()
            .no_value("are the recording rules loaded?")
            .ask(sum("", &in_state("established")), "", Shown::Always),
        Draft::stat(14, "CLOSE_WAIT", Unit::Count)
            .about(
                "Connections that the peer has closed and the local process has not.",
                "A number that only grows: a descriptor leak or a stuck thread.",
                &["TcpCloseWaitGrowing", "TcpCloseWaitStuck"],
                "Open the board Leaks.",
            )
            .spark()
            .link(DataLink::to_board("Leaks", LEAKS, &[]))
            .ask(sum("", &in_state("close_wait")), "", Shown::In("fd-leak")),
    ]
}

fn worst() -> Vec<Draft> {
    let of_all = |record| max("", &ALL.recorded(record, ""));
    let used = Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL);
    vec![
        Draft::stat(15, "Oldest stuck", Unit::Seconds)
            .about(
                "For how long the oldest socket has been in a transient state.",
                "Minutes, and rising with the clock: nobody will ever close it.",
                &["TcpCloseWaitStuck", "TcpFinWait2Stuck"],
                "Open the board Leaks: it names the process.",
            )
            .limits(Thresholds::warning(STUCK_AGE.as_secs_f64()))
            .link(DataLink::to_board("Leaks", LEAKS, &[]))
            .ask(
                of_all("tcpwarden:instance:connections_oldest_state_age_seconds:max"),
                "",
                Shown::In("half-close"),
            ),
        Draft::stat(16, "Descriptors", Unit::Share)
            .about(
                "Descriptors of the process that is nearest to its limit.",
                "Near 100 %: then accept and connect fail with EMFILE.",
                &["TcpDescriptorsNearLimit"],
                "Open the board Capacity for its name, then Leaks.",
            )
            .limits(used.clone())
            .link(DataLink::to_board("Capacity", CAPACITY, &[]))
            .ask(of_all("tcpwarden:instance:process_fds_used_ratio:max"), "", Shown::Always),
        Draft::stat(17, "Local ports", Unit::Share)
            .about(
                "Local ports that connections to the busiest destination have taken, in the \
                 fullest network namespace.",
                "Near 100 %: then connects fail with EADDRNOTAVAIL.",
                &["TcpEphemeralPortsNearExhaustion"],
                "`tcpwarden ports` names the destination; reuse connections to it.",
            )
            .limits(used.clone())
            .link(DataLink::to_board("Capacity", CAPACITY, &[]))
            .ask(
                of_all("tcpwarden:instance:ephemeral_ports_used_ratio:max"),
                "",
                Shown::In("time-wait-bomb"),
            ),
        Draft::stat(18, "Accept queue", Unit::Share)
            .about(
                "The accept queue of the listener that is nearest to its limit.",
                "Near 100 %: then the kernel drops what comes.",
                &["TcpListenBacklogNearLimit"],
                "Open the board Services: the process does not accept fast enough.",
            )
            .limits(used)
            .link(DataLink::to_board("Services", SERVICES, &[]))
            .ask(
                of_all("tcpwarden:instance:listen_backlog_used_ratio:max"),
                "",
                Shown::In("stuck-listener"),
            ),
    ]
}

fn who() -> Vec<Draft> {
    let by = "instance, workload, process, role, state";
    let stuck = sum(by, &ALL.of(&CONNECTIONS, &shared::passing_states()));
    let oldest = max(by, &ALL.of(&OLDEST_STATE_AGE, ""));
    let columns = shared::who_waits();
    let mut alerts =
        vec![shared::column("alertname", "Alert"), shared::column("severity", "Severity")];
    alerts.extend(shared::who());
    alerts.push(shared::column("port", "Port"));
    alerts.push(shared::number("Value #B", "Since", Unit::Ago));
    let about = "alertname, severity, instance, workload, process, port";
    let firing = max(about, &shared::firing());
    let since = where_in(&max(about, &shared::holding_since()), about, &firing);
    vec![
        Draft::table(21, "Sockets that should be gone", "Sockets")
            .about(
                "The processes with the most sockets in transient states, with the age of the \
                 oldest.",
                "The same name at the top all the time, its oldest getting older.",
                &["TcpCloseWaitStuck", "TcpFinWait2Stuck"],
                "Click the process: the board Leaks tells the stage and the growth.",
            )
            .size(24, 7)
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(top(&stuck), "", Shown::In("fd-leak"))
            .ask(where_in(&oldest, by, &top(&stuck)), "", Shown::In("fd-leak")),
        Draft::table(22, "Firing alerts", "Alert")
            .about(
                "The alerts that fire now, about whom, and since when what they say holds.",
                "Any row.",
                &[],
                "Follow the runbook of the alert: docs/runbooks, one page each, and the annotation \
                 runbook of the message.",
            )
            .size(24, 7)
            .no_value("none")
            .columns(alerts, &["Time", "Value #A"])
            .ask(firing, "", Shown::In("fd-leak"))
            .ask(since, "", Shown::In("fd-leak")),
    ]
}

/// Sockets in a state, by machine.
fn in_state(state: &str) -> String {
    ALL.recorded(STATES, &format!("state={state:?}"))
}

fn traffic() -> Vec<Draft> {
    let states = Draft::graph(31, "Sockets by state", Unit::Count)
        .about(
            "All sockets by state, on a logarithmic scale, from the recording rules; TIME_WAIT as \
             of the last pass.",
            "CLOSE_WAIT or FIN_WAIT2 that only grow; TIME_WAIT by ten thousands.",
            &["TcpCloseWaitGrowing", "TcpEphemeralPortsNearExhaustion"],
            "Leaks for the first two, Capacity for TIME_WAIT.",
        )
        .logarithmic()
        .no_value("are the recording rules loaded?")
        .ask(format!("{} > 0", sum("state", &ALL.recorded(STATES, ""))), "{{state}}", Shown::Always)
        .ask(
            format!("{} > 0", sum("", &ALL.of(&TIME_WAIT_SOCKETS, ""))),
            "time_wait",
            Shown::In("no-pool"),
        );
    vec![
        shared::state_colors().into_iter().fold(states, Draft::with),
        Draft::graph(32, "Opened, closed, failed", Unit::Connections)
            .about(
                "Connections that were established and that ended, and connects that failed, over \
                 five minutes, from the recording rules.",
                "Opened above closed for long: something is not closed. Many of both: no pool. Any \
                 steady failures.",
                &["TcpConnectionChurn", "TcpConnectFailures"],
                "Open the board Services.",
            )
            .no_value("are the recording rules loaded?")
            .link(DataLink::to_board("Services", SERVICES, &[]))
            .colored(&["opened", "closed", "failed"])
            .ask(
                sum("", &ALL.recorded("tcpwarden:instance:connections_opened:rate", "")),
                "opened",
                Shown::In("echo"),
            )
            .ask(
                sum("", &ALL.recorded("tcpwarden:instance:connections_closed:rate", "")),
                "closed",
                Shown::In("echo"),
            )
            .ask(sum("", &ALL.recorded(FAILURES, "")), "failed", Shown::In("refused")),
    ]
}

fn quality() -> Vec<Draft> {
    let total = |metric| sum("", &ALL.rate(metric, ""));
    vec![
        Draft::graph(33, "Connect failures by reason", Unit::Failures)
            .about(
                "Connects that failed, by reason, over five minutes.",
                "Any steady line. refused: nothing listens. timed_out: packets vanish. \
                 no_local_port: ports ran out here.",
                &["TcpConnectFailures", "TcpEphemeralPortsNearExhaustion"],
                "Services names the process and the port.",
            )
            .size(8, 8)
            .ask(sum("reason", &ALL.recorded(FAILURES, "")), "{{reason}}", Shown::In("refused"))
            .colored(&shared::failures()),
        Draft::graph(34, "Segments retransmitted", Unit::Share)
            .about(
                "The share of segments that were retransmitted, SYNs excluded.",
                "Above the line: the path loses packets.",
                &["TcpRetransmitRatioHigh"],
                "Network quality tells whose, in which phase, and what triggered it.",
            )
            .size(8, 8)
            .limits(Thresholds::warning(RETRANSMIT_RATIO))
            .no_value("are the recording rules loaded?")
            .link(DataLink::to_board("Network quality", NETWORK, &[]))
            .ask(network::retransmit_ratio("instance"), "{{instance}}", Shown::In("lossy-link")),
        Draft::graph(35, "Resets", Unit::Resets)
            .about(
                "Resets sent, and received ones that ended a connection or an attempt.",
                "A storm: programs that abort, or peers that refuse.",
                &["TcpResetStorm"],
                "Network quality names the process and who reset.",
            )
            .size(8, 8)
            .ask(total(&RESETS_SENT), "sent", Shown::In("rst-storm"))
            .ask(total(&RESETS_RECEIVED), "received", Shown::In("rst-storm"))
            .colored(&["sent", "received"]),
    ]
}
