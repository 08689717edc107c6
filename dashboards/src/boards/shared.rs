//! What all boards have in common: variables, annotations, columns, colours.

use tcpwarden::conn::labels::SocketState;
use tcpwarden::metrics::catalogue::Metric;
use tcpwarden::metrics::catalogue::agent::{BUILD_INFO, PROCESS_START_TIME};
use tcpwarden::metrics::catalogue::connections::CONNECTIONS;
use tcpwarden::metrics::catalogue::pressure::TCP_MEMORY;

use super::promql::Scope;
use crate::grafana::dashboard::Annotation;
use crate::grafana::field::Thresholds;
use crate::grafana::link::DataLink;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;
use crate::grafana::variable::Variable;

pub(super) const OVERVIEW: &str = "tcpwarden-overview";
pub(super) const LEAKS: &str = "tcpwarden-leaks";
pub(super) const SERVICES: &str = "tcpwarden-services";
pub(super) const NETWORK: &str = "tcpwarden-network";
pub(super) const CAPACITY: &str = "tcpwarden-capacity";
pub(super) const AGENT: &str = "tcpwarden-agent";

/// Limited by data source, job and instance only.
pub(super) const ALL: Scope = Scope(&[]);

/// Data source, job and instance.
pub(super) fn variables() -> Vec<Variable> {
    let job = format!("label_values({}, job)", BUILD_INFO.name);
    let instance = format!(r#"label_values({}{{job=~"$job"}}, instance)"#, BUILD_INFO.name);
    vec![
        Variable::data_source(),
        Variable::label("job", "Job", "The scrape job of the agents.", job),
        Variable::label("instance", "Instance", "The agent, one a host.", instance),
    ]
}

/// The variable `workload`.
pub(super) fn workload() -> Variable {
    Variable::label("workload", "Workload", "A systemd unit, container or pod.", values(ALL, &CONNECTIONS, "workload"))
}

/// The variable `process`, of the workloads that are chosen.
pub(super) fn process() -> Variable {
    Variable::label(
        "process",
        "Process",
        "The command name of who owns the sockets.",
        values(Scope(&["workload"]), &CONNECTIONS, "process"),
    )
}

/// What fills a variable: the values that a label of a metric has.
pub(super) fn values(scope: Scope, metric: &Metric, label: &str) -> String {
    format!("label_values({}, {label})", scope.of(metric, ""))
}

/// Moments that are marked in every graph.
pub(super) fn annotations() -> Vec<Annotation> {
    let restarts = format!("changes({}[$__rate_interval]) > 0", ALL.of(&PROCESS_START_TIME, ""));
    vec![
        Annotation::new("Agent restarts", "purple", restarts, "agent restarted", "{{instance}}"),
        Annotation::new("Firing alerts", "red", firing(), "{{alertname}}", "{{instance}} {{workload}} {{process}}"),
    ]
}

/// The alerts of this project that fire, as Prometheus keeps them.
pub(super) fn firing() -> String {
    ALL.series("ALERTS", &[], r#"alertname=~"Tcp.+", alertstate="firing""#)
}

/// A matcher for the states that a socket should leave by itself.
pub(super) fn passing_states() -> String {
    let states: Vec<_> = SocketState::ALL.iter().filter(|state| state.can_leak()).map(|state| state.as_str()).collect();
    format!(r#"state=~"{}""#, states.join("|"))
}

/// The memory in TCP's buffers, of one kind.
pub(super) fn tcp_memory(kind: &str) -> String {
    ALL.of(&TCP_MEMORY, &format!(r#"kind="{kind}""#))
}

/// A column with a title.
pub(super) fn column<'a>(name: &'a str, title: &str) -> (&'a str, Override) {
    (name, Override::of(name).title(title))
}

/// A column of numbers.
pub(super) fn number<'a>(name: &'a str, title: &str, unit: Unit) -> (&'a str, Override) {
    (name, Override::of(name).title(title).unit(unit).width(120))
}

/// A column of numbers that are coloured by limits.
pub(super) fn judged<'a>(name: &'a str, title: &str, unit: Unit, limits: &Thresholds) -> (&'a str, Override) {
    (name, Override::of(name).title(title).unit(unit).width(120).cells(limits))
}

/// The columns that say who: a click leads to the process' leaks and services.
pub(super) fn who() -> Vec<(&'static str, Override)> {
    let fields = [("instance", "instance"), ("workload", "workload"), ("process", "process")];
    let links = [DataLink::to_board("Its leaks", LEAKS, &fields), DataLink::to_board("Its services", SERVICES, &fields)];
    vec![
        (
            "instance",
            Override::of("instance").title("Instance").links(&[DataLink::to_board("This host's overview", OVERVIEW, &fields[..1])]),
        ),
        ("workload", Override::of("workload").title("Workload").links(&[DataLink::to_board("Its leaks", LEAKS, &fields[..2])])),
        ("process", Override::of("process").title("Process").links(&links)),
    ]
}

/// From a series of a graph to the leaks of its process.
pub(super) fn to_leaks() -> DataLink {
    DataLink::from_series("Its leaks", LEAKS, &["workload", "process"])
}

/// From a series of a graph to the services of its process.
pub(super) fn to_services() -> DataLink {
    DataLink::from_series("Its services", SERVICES, &["workload", "process"])
}

/// Colours of the states, the same on every board; none of them says good or bad.
pub(super) fn state_colors() -> Vec<Override> {
    let mut colors: Vec<(&str, &'static str)> = SocketState::ALL.iter().map(|state| (state.as_str(), color(*state))).collect();
    colors.push(("time_wait", "#8e8e8e"));
    colors.into_iter().map(|(name, color)| Override::of(name).color(color)).collect()
}

const fn color(state: SocketState) -> &'static str {
    match state {
        SocketState::SynSent => "#fade2a",
        SocketState::SynRecv => "#fff899",
        SocketState::Established => "#5794f2",
        SocketState::FinWait1 => "#8ab8ff",
        SocketState::FinWait2 => "#b877d9",
        SocketState::CloseWait => "#e0399a",
        SocketState::LastAck => "#ca95e5",
        SocketState::Closing => "#7c2ea3",
        SocketState::Listen => "#5fc9c4",
    }
}
