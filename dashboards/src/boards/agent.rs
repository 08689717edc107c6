//! Agent: does it run, does it see everything, can its numbers be believed, and what does it cost?

mod cost;
mod owners;

use catalogue::labels::Correction;
use catalogue::metrics::agent::{
    BPF_MISSES, CONNECTIONS_LIMIT, CONNECTIONS_REFUSED, CONNECTIONS_TRACKED,
    CONNECTIONS_UNATTRIBUTED, DECODE_ERRORS, EVENTS, EVENTS_LOST, INTERNAL_ERRORS, LABEL_OVERFLOW,
    LOG_LINES_DROPPED, PROBE_ATTACHED, PROBE_INFO, RECONCILE_CORRECTIONS, RECONCILE_LAST_COMPLETED,
    TRANSITIONS,
};
use catalogue::metrics::lifecycle::RETRANSMITS_UNSEEN;

use super::draft::Draft;
use super::promql::{max, min, sum};
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
            Section {
                id: 2,
                title: "Does it see everything",
                open: Open::Yes,
                panels: [applied(), losses()].concat(),
            },
            Section {
                id: 3,
                title: "What it costs",
                open: Open::Yes,
                panels: [cost::usage(), cost::headroom()].concat(),
            },
            Section {
                id: 4,
                title: "Owners, labels, passes",
                open: Open::OnClick,
                panels: [owners::attribution(), owners::passes(), owners::inventory()].concat(),
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
                &[],
                "`systemctl status tcpwarden` on the host that is missing.",
            )
            .ask(sum("", &ALL.of_targets("up")), "", Shown::Always),
        Draft::stat(12, "Probes off", Unit::Count)
            .about(
                "Probes that are not attached though the kernel has what they need, over all \
                 agents.",
                "More than none.",
                &[],
                "`tcpwarden check` on the host says why; the timeline below says which.",
            )
            .limits(Thresholds::warning(1.0))
            .ask(detached, "", Shown::ZeroWhenHealthy),
        Draft::stat(13, "Records lost", Unit::Records)
            .about(
                "Records that found their ring full, at the agent with the most.",
                "Any steady number: counters are short by so much.",
                &[],
                "Raise --ring-bytes, or give the agent more of the processor.",
            )
            .limits(Thresholds::warning(EVENTS_LOST_RATE))
            .ask(lost, "", Shown::InFault(shared::NARROW)),
        Draft::stat(14, "Corrections", Unit::PerSecond)
            .about(
                "Corrections by reconcile passes, at the agent with the most.",
                "A steady number without lost records.",
                &[],
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
                &[],
                "See the panel of owners; the agent may lack a capability or /proc.",
            )
            .limits(Thresholds::warning(UNATTRIBUTED_RATIO))
            .ask(max("", &unknown), "", Shown::InFault(shared::UNHELD)),
        Draft::stat(16, "Table used", Unit::Share)
            .about(
                "Rows of the connection table by their limit, at the fullest agent.",
                "Near 100 %: then new sockets are refused.",
                &[],
                "Raise --max-connections.",
            )
            .limits(Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL))
            .ask(max("", &table), "", Shown::Always),
        Draft::stat(17, "Labels folded", Unit::PerSecond)
            .about(
                "Label sets that were folded into ~other because a budget was used up, of the \
                 agent and budget with the most.",
                "Any steady number: some processes have no series of their own.",
                &[],
                "Raise --max-series.",
            )
            .limits(Thresholds::warning(LABEL_OVERFLOW_RATE))
            .ask(max("", &ALL.rate(&LABEL_OVERFLOW, "")), "", Shown::InFault(shared::NARROW)),
        Draft::stat(18, "Last pass", Unit::Seconds)
            .about(
                "How long ago the last reconcile pass ended, at the agent where it is longest.",
                "Many times the interval of passes: queues, listeners and ports are old.",
                &[],
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

fn applied() -> Vec<Draft> {
    let total = |metric| sum("", &ALL.rate(metric, ""));
    vec![
        Draft::timeline(21, "Probes", Unit::YesNo)
            .about(
                "Whether each probe is attached, at the agent where it is not, if there is one.",
                "A probe that was attached and is not any more.",
                &["TcpwardenProbeDetached"],
                "`tcpwarden check` on the host says why.",
            )
            .words(Mapping::words(&[(0, "detached", "orange"), (1, "attached", "green")]))
            .ask(min("probe", &ALL.of(&PROBE_ATTACHED, "")), "{{probe}}", Shown::Always),
        Draft::graph(22, "Transitions counted and applied", Unit::Records)
            .about(
                "State transitions as the kernel side counted them, and the records that were \
                 applied; without loss the lines are one.",
                "Applied below counted.",
                &["TcpwardenEventsLost"],
                "Raise --ring-bytes.",
            )
            .ask(total(&TRANSITIONS), "counted", Shown::In("no-pool"))
            .ask(sum("event", &ALL.rate(&EVENTS, "")), "applied: {{event}}", Shown::In("no-pool"))
            .colored(&["counted", "applied: transition", "applied: retransmit"]),
    ]
}

fn losses() -> Vec<Draft> {
    let total = |metric| sum("", &ALL.rate(metric, ""));
    // All stay at 0 unless something is wrong with the agent itself: one line.
    let faults = [&DECODE_ERRORS, &INTERNAL_ERRORS, &LOG_LINES_DROPPED].map(total).join(" + ");
    let unseen = [&BPF_MISSES, &RETRANSMITS_UNSEEN].map(total).join(" + ");
    vec![
        Draft::graph(23, "Lost, unseen, refused, faults of the agent", Unit::PerSecond)
            .about(
                "Records lost in a full ring; unseen: runs that the kernel skipped, and \
                 retransmits that no record told of; sockets refused a row; faults are records \
                 that could not be read, broken rules of the agent's own data, and lines of its \
                 log that were not taken.",
                "Any steady line.",
                &["TcpwardenEventsLost"],
                "lost: raise --ring-bytes. refused: raise --max-connections. faults: the log says \
                 which; the agent and its kernel side do not belong together, or the agent has a \
                 bug to report.",
            )
            .ask(
                sum("ring", &ALL.rate(&EVENTS_LOST, "")),
                "lost: {{ring}}",
                Shown::InFault(shared::NARROW),
            )
            .ask(faults, "faults", Shown::ZeroWhenHealthy)
            .ask(unseen, "unseen", Shown::ZeroWhenHealthy)
            .ask(total(&CONNECTIONS_REFUSED), "refused", Shown::InFault(shared::FULL))
            .colored(&["lost: state", "lost: retransmit", "faults", "unseen", "refused"]),
        Draft::graph(24, "Corrections by kind", Unit::PerSecond)
            .about(
                "Corrections by reconcile passes: sockets that were missing, rows without a \
                 socket, wrong states.",
                "A steady line.",
                &["TcpwardenDriftFound"],
                "With lost records it is what they would have told; without, report it.",
            )
            .ask(
                sum("kind", &ALL.rate(&RECONCILE_CORRECTIONS, "")),
                "{{kind}}",
                Shown::InFault(shared::NARROW),
            )
            .colored(&shared::texts(Correction::ALL, Correction::as_str)),
    ]
}
