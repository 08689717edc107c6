//! Agent: does it run, does it see everything, can its numbers be believed, and what does it cost?

use catalogue::labels::Correction;
use catalogue::metrics::agent::{
    BPF_MISSES, BUILD_INFO, CONNECTIONS_LIMIT, CONNECTIONS_REFUSED, CONNECTIONS_SHARED,
    CONNECTIONS_TRACKED, CONNECTIONS_UNATTRIBUTED, CONNECTIONS_UNHELD, CONNECTIONS_UNVERIFIED,
    DECODE_ERRORS, EVENTS, EVENTS_LOST, INTERNAL_ERRORS, LABEL_OVERFLOW, OWNERS_VERIFIED,
    PROBE_ATTACHED, PROBE_INFO, PROCESS_CPU_SECONDS, PROCESS_MAX_FDS, PROCESS_OPEN_FDS,
    PROCESS_RESIDENT_MEMORY, PROCESS_START_TIME, RECONCILE_CORRECTIONS, RECONCILE_DURATION,
    RECONCILE_LAST_COMPLETED, TRANSITIONS,
};

use super::draft::Draft;
use super::promql::{max, quantile, sum};
use super::shared::{self, AGENT, ALL};
use super::{Open, Plan, Section, Shown};
use crate::alerts::tcpwarden_drift_found::DRIFT_RATE;
use crate::alerts::tcpwarden_events_lost::EVENTS_LOST_RATE;
use crate::alerts::tcpwarden_labels_overflowing::LABEL_OVERFLOW_RATE;
use crate::alerts::tcpwarden_unattributed::UNATTRIBUTED_RATIO;
use crate::grafana::looks::{Mapping, Thresholds};
use crate::grafana::unit::Unit;
use crate::threshold::{USED_RATIO_CRITICAL, USED_RATIO_WARNING};
use crate::timing::PASS_AGE;

pub(super) fn plan() -> Plan {
    Plan {
        uid: AGENT,
        title: "Agent",
        description: "Do the agents run, do they see everything, can their numbers be believed, \
            and what do they cost?",
        variables: Vec::new(),
        sections: vec![
            Section { id: 1, title: "Now", open: Open::Yes, panels: [now(), doubts()].concat() },
            Section { id: 2, title: "Does it see everything", open: Open::Yes, panels: sight() },
            Section { id: 3, title: "What it costs", open: Open::Yes, panels: cost() },
            Section {
                id: 4,
                title: "Owners, labels, passes",
                open: Open::OnClick,
                panels: [owners(), inventory()].concat(),
            },
        ],
    }
}

fn now() -> Vec<Draft> {
    let lost = max("", &sum("instance", &ALL.rate(&EVENTS_LOST, "")));
    let corrections = max("", &sum("instance", &ALL.rate(&RECONCILE_CORRECTIONS, "")));
    let (attached, unsupported) =
        (ALL.of(&PROBE_ATTACHED, ""), ALL.of(&PROBE_INFO, r#"state="unsupported""#));
    let detached =
        format!("count({attached} == 0 unless ignoring (state) {unsupported}) or vector(0)");
    vec![
        Draft::stat(11, "Agents up", Unit::Count)
            .about(
                "Agents that Prometheus could scrape.",
                "Fewer than hosts.",
                &["TcpwardenDown"],
                "`systemctl status tcpwarden` on the host that is missing.",
            )
            .ask(sum("", &ALL.of_targets("up")), "", Shown::Always),
        Draft::stat(12, "Probes off", Unit::Count)
            .about(
                "Probes that are not attached though the kernel has what they need, over all \
                 agents.",
                "More than none.",
                &["TcpwardenProbeDetached"],
                "`tcpwarden check` on the host says why; the timeline below says which.",
            )
            .limits(Thresholds::warning(1.0))
            .ask(detached, "", Shown::ZeroWhenHealthy),
        Draft::stat(13, "Records lost", Unit::PerSecond)
            .about(
                "Records that found their ring full, at the agent with the most.",
                "Any steady number: counters are short by so much.",
                &["TcpwardenEventsLost"],
                "Raise --ring-bytes, or give the agent more of the processor.",
            )
            .limits(Thresholds::warning(EVENTS_LOST_RATE))
            .ask(lost, "", Shown::InFault(shared::NARROW)),
        Draft::stat(14, "Corrections", Unit::PerSecond)
            .about(
                "Corrections by reconcile passes, at the agent with the most.",
                "A steady number without lost records.",
                &["TcpwardenDriftFound"],
                "The panel of corrections tells the kind; report it with `tcpwarden check`.",
            )
            .limits(Thresholds::warning(DRIFT_RATE))
            .ask(corrections, "", Shown::InFault(shared::NARROW)),
    ]
}

fn doubts() -> Vec<Draft> {
    let unknown =
        format!("{} / {}", ALL.of(&CONNECTIONS_UNATTRIBUTED, ""), ALL.of(&CONNECTIONS_TRACKED, ""));
    let table =
        format!("{} / {}", ALL.of(&CONNECTIONS_TRACKED, ""), ALL.of(&CONNECTIONS_LIMIT, ""));
    vec![
        Draft::stat(15, "No owner", Unit::Share)
            .about(
                "The share of sockets whose process is not known, at the worst agent.",
                "Above the limit: leaks have no name.",
                &["TcpwardenUnattributed"],
                "See the panel of owners; the agent may lack a capability or /proc.",
            )
            .limits(Thresholds::warning(UNATTRIBUTED_RATIO))
            .ask(max("", &unknown), "", Shown::InFault(shared::UNHELD)),
        Draft::stat(16, "Table used", Unit::Share)
            .about(
                "Rows of the connection table by their limit, at the fullest agent.",
                "Near 100 %: then new sockets are refused.",
                &["TcpwardenTableFull"],
                "Raise --max-connections.",
            )
            .limits(Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL))
            .ask(max("", &table), "", Shown::Always),
        Draft::stat(17, "Labels folded", Unit::PerSecond)
            .about(
                "Label sets that were folded into ~other because a budget was used up, of the \
                 agent and budget with the most.",
                "Any steady number: some processes have no series of their own.",
                &["TcpwardenLabelsOverflowing"],
                "Raise --max-series.",
            )
            .limits(Thresholds::warning(LABEL_OVERFLOW_RATE))
            .ask(max("", &ALL.rate(&LABEL_OVERFLOW, "")), "", Shown::InFault(shared::NARROW)),
        Draft::stat(18, "Last pass", Unit::Seconds)
            .about(
                "How long ago the last reconcile pass ended, at the agent where it is longest.",
                "Many times the interval of passes: queues, listeners and ports are old.",
                &["TcpwardenPassesStalled"],
                "See the duration of passes; the host may have millions of sockets.",
            )
            .limits(Thresholds::warning(PASS_AGE.as_secs_f64()))
            .ask(
                format!(
                    "time() - {}",
                    "min(LAST)".replace("LAST", &ALL.of(&RECONCILE_LAST_COMPLETED, ""))
                ),
                "",
                Shown::Always,
            ),
    ]
}

fn sight() -> Vec<Draft> {
    let total = |metric| sum("", &ALL.rate(metric, ""));
    vec![
        Draft::timeline(21, "Probes", Unit::YesNo)
            .about(
                "Whether each probe is attached, at the agent where it is not, if there is \
                one.",
                "A probe that was attached and is not any \
                    more.",
                &["TcpwardenProbeDetached"],
                "`tcpwarden check` on the host says why.",
            )
            .words(Mapping::words(&[(0, "detached", "orange"), (1, "attached", "green")]))
            .ask(
                format!(
                    "min by (probe) \
                ({})",
                    ALL.of(&PROBE_ATTACHED, "")
                ),
                "{{probe}}",
                Shown::Always,
            ),
        Draft::graph(22, "Transitions counted and applied", Unit::PerSecond)
            .about(
                "State transitions as the kernel side counted them, and the records that were \
                applied; without loss the lines are \
                one.",
                "Applied below counted.",
                &["TcpwardenEventsLost"],
                "Raise --ring-bytes.",
            )
            .ask(total(&TRANSITIONS), "counted", Shown::In("no-pool"))
            .ask(sum("event", &ALL.rate(&EVENTS, "")), "applied: {{event}}", Shown::In("no-pool"))
            .colored(&["counted", "applied: transition", "applied: retransmit"]),
        Draft::graph(23, "Lost, unreadable, skipped, refused, internal errors", Unit::PerSecond)
            .about(
                "Records lost in a full ring, records that could not be read, runs that the \
                kernel skipped, and sockets refused a \
                row.",
                "Any steady line.",
                &["TcpwardenEventsLost"],
                "lost: raise --ring-bytes. \
                    unreadable: the agent and its kernel side do not belong together. refused: \
                    raise --max-connections.",
            )
            .ask(
                sum("ring", &ALL.rate(&EVENTS_LOST, "")),
                "lost: {{ring}}",
                Shown::InFault(shared::NARROW),
            )
            .ask(total(&DECODE_ERRORS), "unreadable", Shown::ZeroWhenHealthy)
            .ask(total(&BPF_MISSES), "skipped", Shown::ZeroWhenHealthy)
            .ask(total(&CONNECTIONS_REFUSED), "refused", Shown::InFault(shared::FULL))
            .ask(total(&INTERNAL_ERRORS), "internal errors", Shown::ZeroWhenHealthy)
            .colored(&[
                "lost: state",
                "lost: retransmit",
                "unreadable",
                "skipped",
                "refused",
                "internal errors",
            ]),
        Draft::graph(24, "Corrections by kind", Unit::PerSecond)
            .about(
                "Corrections by reconcile passes: sockets that were missing, rows without a \
                socket, wrong states.",
                "A steady \
                    line.",
                &["TcpwardenDriftFound"],
                "With lost records it is what they would \
                        have told; without, report it.",
            )
            .ask(
                sum("kind", &ALL.rate(&RECONCILE_CORRECTIONS, "")),
                "{{kind}}",
                Shown::InFault(shared::NARROW),
            )
            .colored(&shared::texts(Correction::ALL, Correction::as_str)),
    ]
}

fn cost() -> Vec<Draft> {
    let descriptors =
        format!("{} / {}", ALL.of(&PROCESS_OPEN_FDS, ""), ALL.of(&PROCESS_MAX_FDS, ""));
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
                "Memory of the agent that is in \
                RAM.",
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
        Draft::graph(34, "Duration of a scrape", Unit::Seconds)
            .about(
                "How long a scrape \
                took.",
                "Near the scrape \
                    timeout.",
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
                "Descriptors that the agent has open, by its \
                limit.",
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

fn owners() -> Vec<Draft> {
    let passes = ALL.buckets(&RECONCILE_DURATION, "");
    vec![
        Draft::graph(41, "Owners in doubt", Unit::Count)
            .about(
                "Sockets without an owner, in network namespaces that could not be entered, held \
                 by no process, and held by several.",
                "Without an owner, growing.",
                &["TcpwardenUnattributed"],
                "The agent needs CAP_SYS_ADMIN, CAP_SYS_PTRACE and the host's /proc.",
            )
            .size(8, 8)
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNATTRIBUTED, "")),
                "without an \
                owner",
                Shown::InFault(shared::UNHELD),
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNVERIFIED, "")),
                "could not be looked \
                at",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNHELD, "")),
                "held by nobody",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_SHARED, "")),
                "held by several",
                Shown::ZeroWhenHealthy,
            )
            .colored(&[
                "without an owner",
                "could not be looked \
                at",
                "held by nobody",
                "held by several",
            ]),
        Draft::graph(42, "Labels folded, by budget", Unit::PerSecond)
            .about(
                "Label sets that were folded into ~other, by the budget that was used up, at the \
                 agent with the most.",
                "Any steady line.",
                &["TcpwardenLabelsOverflowing"],
                "Raise --max-series, or look for a program that changes its name.",
            )
            .size(8, 8)
            .limits(Thresholds::warning(LABEL_OVERFLOW_RATE))
            .ask(
                max("family", &ALL.rate(&LABEL_OVERFLOW, "")),
                "{{family}}",
                Shown::InFault(shared::NARROW),
            ),
        Draft::graph(43, "Duration of passes", Unit::Seconds)
            .about(
                "How long a pass over the kernel's own list of sockets took.",
                "Near the interval of passes.",
                &["TcpwardenPassesStalled"],
                "Raise --reconcile-interval on hosts with millions of sockets.",
            )
            .size(8, 8)
            .ask(quantile(0.5, "", &passes), "median", Shown::In("echo"))
            .ask(quantile(0.99, "", &passes), "99 %", Shown::In("echo"))
            .colored(&["median", "99 %"]),
    ]
}

fn inventory() -> Vec<Draft> {
    let age = |metric| format!("time() - min({})", ALL.of(metric, ""));
    let names = ["instance", "probe", "state"];
    let columns = names
        .into_iter()
        .zip(["Instance", "Probe", "State"])
        .map(|(name, title)| shared::column(name, title))
        .collect();
    vec![
        Draft::graph(44, "Age of what passes tell", Unit::Seconds)
            .about(
                "How long ago the last pass and the last reading of all descriptor tables ended, \
                 where it is longest.",
                "A line that only rises.",
                &["TcpwardenPassesStalled"],
                "The log of the agent says what it waits for.",
            )
            .size(8, 8)
            .ask(age(&RECONCILE_LAST_COMPLETED), "last pass", Shown::Always)
            .ask(age(&OWNERS_VERIFIED), "owners read", Shown::Always)
            .colored(&["last pass", "owners read"]),
        Draft::table(45, "State of the probes", "Probe")
            .about(
                "Each probe at each agent: attached, unsupported by that kernel, or failed.",
                "failed.",
                &["TcpwardenProbeDetached"],
                "`tcpwarden check` on the host says why.",
            )
            .size(8, 8)
            .columns(columns, &["Time", "Value"])
            .ask(max("instance, probe, state", &ALL.of(&PROBE_INFO, "")), "", Shown::Always),
        Draft::table(46, "Versions", "Agents")
            .about(
                "How many agents run which \
                version.",
                "More than one version for long.",
                &[],
                "Finish the roll-out.",
            )
            .size(8, 8)
            .columns(
                vec![
                    shared::column("version", "Version"),
                    shared::number("Value", "Agents", Unit::Digits),
                ],
                &["Time"],
            )
            .ask(format!("count by (version) ({})", ALL.of(&BUILD_INFO, "")), "", Shown::Always),
    ]
}
