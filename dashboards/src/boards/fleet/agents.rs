//! Version and health of the agents, for the board [`fleet`](super).

use crate::boards::Shown;
use crate::boards::draft::{Column, Draft};
use crate::boards::promql::{max, sum, top_of_fleet};
use crate::boards::shared::{self, AGENT, ALL, DOWN, NARROW};
use crate::grafana::link::DataLink;
use crate::grafana::looks::Thresholds;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;

/// Agents by version.
const VERSIONS: &str = "tcpwarden:version:agents:count";

/// What can be wrong with an agent, worst first: the recording rule, its column, and when it has
/// something to show.
const HEALTH: [(&str, (&str, &str, Unit), Shown); 4] = [
    (
        "tcpwarden:instance:scrapes_missed:ratio",
        ("Value #A", "Scrapes missed", Unit::Share),
        Shown::OnlyInFault(DOWN),
    ),
    (
        "tcpwarden:instance:agent_starts:changes",
        ("Value #B", "Restarts", Unit::Digits),
        Shown::OnlyInFault(NARROW),
    ),
    (
        "tcpwarden:instance:events_lost:rate",
        ("Value #C", "Lost", Unit::Records),
        Shown::OnlyInFault(NARROW),
    ),
    (
        "tcpwarden:instance:connections_tracked_ratio:max",
        ("Value #D", "Table used", Unit::Share),
        Shown::Always,
    ),
];

pub(super) fn now() -> Vec<Draft> {
    let down = sum("", &ALL.recorded("tcpwarden:job:agents_down:count", ""));
    let versions = sum("version", &ALL.recorded(VERSIONS, ""));
    vec![
        Draft::stat(11, "Agents", Unit::Count)
            .about(
                "Agents that Prometheus knows, whether they answer or not.",
                "Fewer than machines.",
                &["TcpwardenDown"],
                "Look at the targets of Prometheus.",
            )
            .size(4, 4)
            .no_value("are the recording rules loaded?")
            .ask(sum("", &ALL.recorded("tcpwarden:job:agents:count", "")), "", Shown::Always),
        Draft::stat(12, "Agents down", Unit::Count)
            .about(
                "Agents that do not answer Prometheus, or only intermittently.",
                "More than none: those machines are not watched.",
                &["TcpwardenDown"],
                "The table of agents below names them.",
            )
            .size(4, 4)
            .limits(Thresholds::critical(1.0))
            .ask(format!("{down} or vector(0)"), "", Shown::InFault(DOWN)),
        Draft::stat(13, "Versions", Unit::Count)
            .about(
                "Versions of the agent that run.",
                "More than one, when no rollout is under way.",
                &["TcpwardenVersionSkew"],
                "The table of versions below has how many run each.",
            )
            .size(4, 4)
            .no_value("are the recording rules loaded?")
            .ask(format!("count({versions})"), "", Shown::Always),
    ]
}

pub(super) fn panels() -> Vec<Draft> {
    let versions =
        vec![shared::column("version", "Version"), shared::number("Value", "Agents", Unit::Digits)];
    let link = DataLink::to_board("Its agent", AGENT, &[("instance", "instance")]);
    let looks = Override::of("instance").links(&[link]);
    let instance = Column { name: "instance", title: "Instance", unit: None, looks };
    let numbers =
        HEALTH.iter().map(|(_, (name, title, unit), _)| shared::number(name, title, *unit));
    let columns = std::iter::once(instance).chain(numbers).collect();
    let agents = Draft::table(42, "Agents, worst first", "Scrapes missed")
        .about(
            "The agents that miss the most scrapes, were started again most often, lose the most \
             records, or have the fullest table; of each the first ones.",
            "Any number in the first three columns. Scrapes missed and restarts together: it \
             crashes.",
            &["TcpwardenDown", "TcpwardenEventsLost", "TcpwardenTableFull"],
            "Click the instance: the board Agent has the rest.",
        )
        .size(16, 9)
        .columns(columns, &["Time"]);
    let ask = |draft: Draft, (name, _, shown): &(&str, _, Shown)| {
        draft.ask(top_of_fleet(&max("instance", &ALL.recorded(name, ""))), "", *shown)
    };
    vec![
        Draft::table(41, "Agents by version", "Agents")
            .about(
                "How many agents run each version.",
                "More than one version, when no rollout is under way.",
                &[],
                "Go on with the rollout, or take it back.",
            )
            .size(8, 9)
            .no_value("are the recording rules loaded?")
            .columns(versions, &["Time"])
            .ask(top_of_fleet(&sum("version", &ALL.recorded(VERSIONS, ""))), "", Shown::Always),
        HEALTH.iter().fold(agents, ask),
    ]
}
