//! Writes what the agent reports of itself: the kernel side's counters, the probes, the process.

use std::collections::BTreeMap;

use agent_common::tcp;

use super::table::by_name;
use super::{Entry, View};
use crate::metrics::family::Family;
use crate::metrics::stats::Probe;
use crate::metrics::text::Number;
use crate::version::{Build, VERSION};
use catalogue::labels::state_name;
use catalogue::metrics::{agent, lifecycle};

/// These are the families of the agent's own numbers.
pub(super) const FAMILIES: &[Entry] = &[
    (&agent::TRANSITIONS, transitions),
    (&agent::EVENTS, |view, family| {
        by_name(
            family,
            vec![
                ("transition", view.snapshot.transitions),
                ("retransmit", view.snapshot.retransmits),
            ],
        );
    }),
    (&agent::EVENTS_LOST, |view, family| {
        let kernel = &view.stats.kernel;
        let lost = vec![
            ("state", kernel.states_lost + view.stats.unseen),
            ("retransmit", kernel.retransmits_lost),
        ];
        by_name(family, lost);
    }),
    (&agent::DECODE_ERRORS, decode_errors),
    (&agent::PROBE_ATTACHED, |view, family| {
        probes(view, |probe| family.count([probe.name], u64::from(probe.state.is_attached())));
    }),
    (&agent::PROBE_INFO, |view, family| {
        probes(view, |probe| family.count([probe.name, probe.state.as_str()], 1));
    }),
    (&agent::VISIBILITY_LIMITED, |view, family| {
        let limits = view.stats.limits.iter();
        by_name(family, limits.map(|limit| (limit.name, u64::from(limit.hides))).collect());
    }),
    (&agent::WEB_CONFIG_RELOADED, |view, family| {
        if let Some(done) = view.stats.web_config_in_force {
            family.alone(Number::Count(u64::from(done)));
        }
    }),
    (&agent::BPF_MISSES, |view, family| {
        probes(view, |probe| family.count([probe.name], probe.misses));
    }),
    (&agent::BPF_RUN_SECONDS, |view, family| {
        probes(view, |probe| {
            if let Some((_, seconds)) = probe.runs {
                family.labelled([probe.name.into()], Number::Value(seconds));
            }
        });
    }),
    (&agent::BPF_RUNS, |view, family| {
        probes(view, |probe| {
            if let Some((count, _)) = probe.runs {
                family.count([probe.name], count);
            }
        });
    }),
    (&lifecycle::RESETS_SENT, |view, family| {
        family.alone(Number::Count(view.stats.kernel.resets_sent));
    }),
    (&lifecycle::RESETS_RECEIVED, |view, family| {
        family.alone(Number::Count(view.stats.kernel.resets_received));
    }),
    (&agent::PROCESS_CPU_SECONDS, |view, family| {
        family.alone(Number::Value(view.stats.process.cpu_seconds));
    }),
    (&agent::PROCESS_RESIDENT_MEMORY, |view, family| {
        family.alone(Number::Count(view.stats.process.resident_bytes));
    }),
    (&agent::PROCESS_OPEN_FDS, |view, family| {
        family.alone(Number::Count(view.stats.process.open_fds));
    }),
    (&agent::PROCESS_MAX_FDS, |view, family| {
        family.alone(Number::Count(view.stats.process.max_fds));
    }),
    (&agent::PROCESS_START_TIME, |view, family| {
        family.alone(Number::Value(view.stats.process.start_time));
    }),
    (&agent::BUILD_INFO, |view, family| {
        let Build { commit, id } = view.stats.build;
        family.count([VERSION, commit, id], 1);
    }),
];

/// A TCP socket can make these transitions: they have a counter from the start. Any other appears
/// once the kernel reports it.
const TRANSITIONS: &[(u8, &[u8])] = &[
    (tcp::CLOSE, &[tcp::SYN_SENT, tcp::LISTEN]),
    (tcp::LISTEN, &[tcp::SYN_RECV, tcp::CLOSE]),
    (tcp::SYN_SENT, &[tcp::ESTABLISHED, tcp::SYN_RECV, tcp::CLOSE]),
    (tcp::SYN_RECV, &[tcp::ESTABLISHED, tcp::FIN_WAIT1, tcp::CLOSE_WAIT, tcp::CLOSE]),
    (tcp::ESTABLISHED, &[tcp::FIN_WAIT1, tcp::CLOSE_WAIT, tcp::CLOSE]),
    (tcp::FIN_WAIT1, &[tcp::FIN_WAIT2, tcp::CLOSING, tcp::CLOSE]),
    (tcp::FIN_WAIT2, &[tcp::CLOSE]),
    (tcp::CLOSE_WAIT, &[tcp::LAST_ACK, tcp::CLOSE]),
    (tcp::LAST_ACK, &[tcp::CLOSE]),
    (tcp::CLOSING, &[tcp::CLOSE]),
];

fn transitions(view: &View<'_>, family: &mut Family<'_>) {
    // By name, not by code: codes that no kernel has share the name `unknown`.
    let mut counts: BTreeMap<(&str, &str), u64> = TRANSITIONS
        .iter()
        .flat_map(|(old, news)| news.iter().map(|new| ((state_name(*old), state_name(*new)), 0)))
        .collect();
    for (row, old) in view.stats.kernel.transitions.chunks_exact(tcp::STATE_CODES).zip(0..) {
        for (count, new) in row.iter().zip(0..) {
            if *count > 0 {
                *counts.entry((state_name(old), state_name(new))).or_default() += count;
            }
        }
    }
    for ((old, new), count) in counts {
        family.count([old, new], count);
    }
}

fn decode_errors(view: &View<'_>, family: &mut Family<'_>) {
    let errors = &view.stats.decode_errors;
    let counts = vec![
        ("truncated", errors.truncated),
        ("oversized", errors.oversized),
        ("unknown_kind", errors.unknown_kind),
        ("bad_state", errors.bad_state),
    ];
    by_name(family, counts);
}

/// Calls `each` with every probe, in the order of the page.
fn probes(view: &View<'_>, each: impl FnMut(&Probe)) {
    let mut probes: Vec<_> = view.stats.probes.iter().collect();
    probes.sort_by_key(|probe| probe.name);
    probes.into_iter().for_each(each);
}
