//! What all boards have in common: variables, annotations, columns, colours.

use catalogue::labels::{ConnectFailure, SocketState};
use catalogue::metrics::Metric;
use catalogue::metrics::agent::{BUILD_INFO, PROCESS_START_TIME};
use catalogue::metrics::connections::CONNECTIONS;
use catalogue::metrics::pressure::TCP_MEMORY;

use super::draft::Column;
use super::promql::Scope;
use crate::grafana::dashboard::Annotation;
use crate::grafana::link::DataLink;
use crate::grafana::looks::Thresholds;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;
use crate::grafana::variable::Variable;
use crate::options::Options;
use crate::site;
use crate::threshold::STUCK_CONNECTIONS;
use crate::timing::STUCK_AGE;

pub(super) const FLEET: &str = "tcpwarden-fleet";
pub(super) const OVERVIEW: &str = "tcpwarden-overview";
pub(super) const LEAKS: &str = "tcpwarden-leaks";
pub(super) const SERVICES: &str = "tcpwarden-services";
pub(super) const NETWORK: &str = "tcpwarden-network";
pub(super) const CAPACITY: &str = "tcpwarden-capacity";
pub(super) const AGENT: &str = "tcpwarden-agent";

/// The recording rule that knows the namespaces of workloads.
pub(super) const NAMESPACES: &str = "tcpwarden:workload_namespace:workload_info:max";

/// Ways for an agent to fail, by the tests of the live proof that bring them about.
pub(super) const DOWN: &str = "the_agent_is_down";
pub(super) const NARROW: &str = "the_ring_and_the_label_budget_are_too_small";
pub(super) const FULL: &str = "the_table_is_full";
pub(super) const NEAR_LIMITS: &str = "the_machine_nears_its_limits";
pub(super) const UNHELD: &str = "nobody_holds_the_sockets_and_no_pass_comes";

/// Limited by data source, job and instance only.
pub(super) const ALL: Scope = Scope(&[]);

/// Data source, job and instance, and before these the cluster where the site tells them apart.
pub(super) fn variables(options: &Options) -> Vec<Variable> {
    let place = site::of_labels(&[]);
    let job = format!("label_values({}{{{place}}}, job)", BUILD_INFO.name);
    let instance = format!(r#"label_values({}{{{place}job=~"$job"}}, instance)"#, BUILD_INFO.name);
    let cluster = options.cluster_label().map(|label| {
        let query = format!("label_values({}{{{}}}, {label})", BUILD_INFO.name, site::whole());
        Variable::label("cluster", "Cluster", "The cluster of the agents.", query)
    });
    let target = [
        Variable::label("job", "Job", "The scrape job of the agents.", job),
        Variable::label("instance", "Instance", "The agent, one a host.", instance),
    ];
    [Variable::data_source()].into_iter().chain(cluster).chain(target).collect()
}

/// The variable `workload`.
pub(super) fn workload() -> Variable {
    Variable::label(
        "workload",
        "Workload",
        "A systemd unit, container or pod.",
        values(ALL, &CONNECTIONS, "workload"),
    )
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

/// The variables `namespace` and `workload` of a board that asks recording rules only: the
/// namespaces of Kubernetes, and the workloads of those that are chosen.
pub(super) fn namespaces() -> [Variable; 2] {
    let names = |scope: Scope, label: &str| {
        format!("label_values({}, {label})", scope.recorded(NAMESPACES, ""))
    };
    let namespace = Variable::label(
        "namespace",
        "Namespace",
        "A namespace of Kubernetes; what is in none is there with All only.",
        names(ALL, "namespace"),
    );
    let workload = Variable::label(
        "workload",
        "Workload",
        "A systemd unit, container or pod.",
        names(Scope(&["namespace"]), "workload"),
    );
    [namespace.or_none(), workload]
}

/// What fills a variable: the values that a label of a metric has.
pub(super) fn values(scope: Scope, metric: &Metric, label: &str) -> String {
    format!("label_values({}, {label})", scope.of(metric, ""))
}

/// Moments that are marked in every graph.
pub(super) fn annotations() -> Vec<Annotation> {
    let restarts =
        ALL.agents(&format!("changes({}[$__rate_interval]) > 0", ALL.of(&PROCESS_START_TIME, "")));
    vec![
        Annotation::new("Agent restarts", "purple", restarts, "agent restarted", "{{instance}}"),
        Annotation::new(
            "Firing alerts",
            "red",
            firing(),
            "{{alertname}}",
            "{{instance}} {{workload}} {{process}}",
        ),
    ]
}

/// The alerts of this project that fire, as Prometheus keeps them: those without job and instance
/// too, since the alert that no agent is known can have neither.
pub(super) fn firing() -> String {
    alerts("ALERTS", r#", alertstate="firing""#)
}

/// Since when the conditions of alerts hold, pending ones too, milliseconds since 1970.
pub(super) fn holding_since() -> String {
    format!("1000 * {}", alerts("ALERTS_FOR_STATE", ""))
}

/// What Prometheus keeps of this project's alerts under a name.
fn alerts(name: &str, further: &str) -> String {
    format!(
        "{name}{{{}{}{further}}}",
        site::of_labels(&[]),
        r#"job=~"$job|", instance=~"$instance|", alertname=~"Tcp.+""#
    )
}

/// A matcher for the states that a socket should leave by itself.
pub(super) fn passing_states() -> String {
    let states: Vec<_> = SocketState::ALL
        .iter()
        .filter(|state| state.can_leak())
        .map(|state| state.as_str())
        .collect();
    format!(r#"state=~"{}""#, states.join("|"))
}

/// The memory in TCP's buffers, of one kind.
pub(super) fn tcp_memory(kind: &str) -> String {
    ALL.of(&TCP_MEMORY, &format!(r#"kind="{kind}""#))
}

/// A column of names.
pub(super) fn column(name: &'static str, title: &'static str) -> Column {
    let looks = Override::of(name);
    let narrow = matches!(name, "role" | "port" | "state" | "stage" | "severity" | "kind");
    let looks = if name == "alertname" { looks.width(260) } else { looks };
    Column { name, title, unit: None, looks: if narrow { looks.width(90) } else { looks } }
}

/// A column of numbers.
pub(super) fn number(name: &'static str, title: &'static str, unit: Unit) -> Column {
    Column { name, title, unit: Some(unit), looks: Override::of(name).width(100) }
}

/// A column of numbers that are coloured by limits.
pub(super) fn judged(
    name: &'static str,
    title: &'static str,
    unit: Unit,
    limits: &Thresholds,
) -> Column {
    let column = number(name, title, unit);
    Column { looks: column.looks.cells(limits), ..column }
}

/// The columns that say who: a click leads to the process' leaks and services.
pub(super) fn who() -> Vec<Column> {
    let fields = [("instance", "instance"), ("workload", "workload"), ("process", "process")];
    let links = [
        DataLink::to_board("Its leaks", LEAKS, &fields),
        DataLink::to_board("Its services", SERVICES, &fields),
    ];
    let host = [DataLink::to_board("This host's overview", OVERVIEW, &fields[..1])];
    let whole = [DataLink::to_board("Its leaks", LEAKS, &fields[..2])];
    vec![
        Column {
            name: "process",
            title: "Process",
            unit: None,
            looks: Override::of("process").links(&links),
        },
        Column {
            name: "workload",
            title: "Workload",
            unit: None,
            looks: Override::of("workload").links(&whole),
        },
        Column {
            name: "instance",
            title: "Instance",
            unit: None,
            looks: Override::of("instance").width(140).links(&host),
        },
    ]
}

/// The columns that say who, on which side and in which state; then how many sockets (query A) and
/// the age of the oldest (query B), judged.
pub(super) fn who_waits() -> Vec<Column> {
    let mut columns = who();
    columns.push(column("role", "Side"));
    columns.push(column("state", "State"));
    let many = Thresholds::warning(STUCK_CONNECTIONS);
    columns.push(judged("Value #A", "Sockets", Unit::Digits, &many));
    let old = Thresholds::warning(STUCK_AGE.as_secs_f64());
    columns.push(judged("Value #B", "Oldest", Unit::Seconds, &old));
    columns
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
    let mut colors: Vec<(&str, &'static str)> =
        SocketState::ALL.iter().map(|state| (state.as_str(), color(*state))).collect();
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

/// Why connects fail, in the order of their colours.
pub(super) fn failures() -> Vec<&'static str> {
    texts(ConnectFailure::ALL, ConnectFailure::as_str)
}

/// The texts of a closed set of labels.
pub(super) fn texts<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(text).collect()
}
