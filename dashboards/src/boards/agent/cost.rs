//! What the agent costs, for the board [`agent`](super).

use catalogue::metrics::agent::{
    PROCESS_CPU_SECONDS, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY,
    PROCESS_START_TIME,
};

use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{max, sum};
use crate::boards::shared::ALL;
use crate::grafana::unit::Unit;

pub(super) fn usage() -> Vec<Draft> {
    vec![
        Draft::graph(31, "Processor", Unit::Share)
            .about(
                "Time of one processor that the agent uses; the time of a probe is charged to the \
                 task that triggers it.",
                "More than a few percent.",
                &[],
                "See transitions above: cost follows their rate.",
            )
            .size(8, 7)
            .ask(
                sum("instance", &ALL.agents(&ALL.rate(&PROCESS_CPU_SECONDS, ""))),
                "{{instance}}",
                Shown::In("no-pool"),
            ),
        Draft::graph(32, "Memory", Unit::Bytes)
            .about(
                "Memory of the agent that is in RAM.",
                "A line that grows while the connections do not.",
                &[],
                "Report it.",
            )
            .size(8, 7)
            .ask(
                sum("instance", &ALL.agents(&ALL.of(&PROCESS_RESIDENT_MEMORY, ""))),
                "{{instance}}",
                Shown::Always,
            ),
        Draft::graph(33, "Series a scrape", Unit::Count)
            .about(
                "Samples that a scrape brought; bounded by --max-series.",
                "Tens of thousands.",
                &["TcpwardenLabelsOverflowing"],
                "Lower --max-series.",
            )
            .size(8, 7)
            .ask(
                sum("instance", &ALL.of_targets("scrape_samples_scraped")),
                "{{instance}}",
                Shown::Always,
            ),
    ]
}

pub(super) fn headroom() -> Vec<Draft> {
    let descriptors =
        format!("{} / {}", ALL.of(&PROCESS_OPEN_FDS, ""), ALL.of(&PROCESS_MAX_FDS, ""));
    vec![
        Draft::graph(34, "Duration of a scrape", Unit::Seconds)
            .about(
                "How long a scrape took.",
                "Near the scrape timeout.",
                &["TcpwardenDown"],
                "The host is short of processor time.",
            )
            .size(8, 7)
            .ask(
                max("instance", &ALL.of_targets("scrape_duration_seconds")),
                "{{instance}}",
                Shown::Always,
            ),
        Draft::graph(35, "Descriptors used", Unit::Share)
            .about(
                "Descriptors that the agent has open, by its limit.",
                "Near 100 %.",
                &[],
                "Report it.",
            )
            .size(8, 7)
            .ask(max("instance", &ALL.agents(&descriptors)), "{{instance}}", Shown::Always),
        Draft::graph(36, "Uptime", Unit::Seconds)
            .about(
                "Time since the agent started.",
                "Teeth: it restarts again and again.",
                &["TcpwardenDown"],
                "`journalctl -u tcpwarden` says why.",
            )
            .size(8, 7)
            .ask(
                format!(
                    "time() - {}",
                    max("instance", &ALL.agents(&ALL.of(&PROCESS_START_TIME, "")))
                ),
                "{{instance}}",
                Shown::Always,
            ),
    ]
}
