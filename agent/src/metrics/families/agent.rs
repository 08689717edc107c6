//! What the agent tells of itself: the kernel side's counters, the probes, the process.

use std::collections::BTreeMap;

use agent_common::tcp;

use crate::conn::labels::state_name;
use crate::conn::snapshot::Snapshot;
use crate::metrics::catalogue::{agent, lifecycle};
use crate::metrics::family::Family;
use crate::metrics::stats::SelfStats;

/// The transitions that a TCP socket can make: they have a counter from the start. Any other that
/// the kernel reports appears when it does.
const TRANSITIONS: &[(u8, &[u8])] = &[
    (tcp::CLOSE, &[tcp::SYN_SENT, tcp::LISTEN]),
    (tcp::LISTEN, &[tcp::SYN_RECV, tcp::CLOSE]),
    (tcp::SYN_SENT, &[tcp::ESTABLISHED, tcp::SYN_RECV, tcp::CLOSE]),
    (tcp::SYN_RECV, &[tcp::ESTABLISHED, tcp::FIN_WAIT1, tcp::CLOSE]),
    (tcp::ESTABLISHED, &[tcp::FIN_WAIT1, tcp::CLOSE_WAIT, tcp::CLOSE]),
    (tcp::FIN_WAIT1, &[tcp::FIN_WAIT2, tcp::CLOSING, tcp::CLOSE]),
    (tcp::FIN_WAIT2, &[tcp::CLOSE]),
    (tcp::CLOSE_WAIT, &[tcp::LAST_ACK, tcp::CLOSE]),
    (tcp::LAST_ACK, &[tcp::CLOSE]),
    (tcp::CLOSING, &[tcp::CLOSE]),
];

/// Families of the agent's own numbers.
pub(in crate::metrics) fn families(snapshot: &Snapshot, stats: &SelfStats) -> Vec<Family> {
    let kernel = &stats.kernel;
    let errors = &stats.decode_errors;
    let by_label: [(_, &[(&str, u64)]); 3] = [
        (&agent::EVENTS, &[("transition", snapshot.transitions), ("retransmit", snapshot.retransmits)]),
        (&agent::EVENTS_LOST, &[("state", kernel.states_lost + stats.unseen), ("retransmit", kernel.retransmits_lost)]),
        (
            &agent::DECODE_ERRORS,
            &[
                ("truncated", errors.truncated),
                ("oversized", errors.oversized),
                ("unknown_kind", errors.unknown_kind),
                ("bad_state", errors.bad_state),
            ],
        ),
    ];
    let mut families = vec![transitions(&kernel.transitions)];
    for (metric, values) in by_label {
        let mut family = Family::new(metric);
        for (label, count) in values {
            family.count([label], *count);
        }
        families.push(family);
    }
    families.extend(probes(stats));
    families.extend(scalars(stats));
    let mut build = Family::new(&agent::BUILD_INFO);
    build.count([env!("CARGO_PKG_VERSION")], 1);
    families.push(build);
    families
}

fn transitions(matrix: &[u64; 256]) -> Family {
    // By name, not by code: codes that no kernel has share the name `unknown`.
    let mut counts: BTreeMap<(&str, &str), u64> =
        TRANSITIONS.iter().flat_map(|(old, news)| news.iter().map(|new| ((state_name(*old), state_name(*new)), 0))).collect();
    for (row, old) in matrix.chunks_exact(tcp::STATE_CODES).zip(0..) {
        for (count, new) in row.iter().zip(0..) {
            if *count > 0 {
                *counts.entry((state_name(old), state_name(new))).or_default() += count;
            }
        }
    }
    let mut family = Family::new(&agent::TRANSITIONS);
    for ((old, new), count) in counts {
        family.count([old, new], count);
    }
    family
}

fn probes(stats: &SelfStats) -> [Family; 5] {
    let mut attached = Family::new(&agent::PROBE_ATTACHED);
    let mut info = Family::new(&agent::PROBE_INFO);
    let mut misses = Family::new(&agent::BPF_MISSES);
    let mut seconds = Family::new(&agent::BPF_RUN_SECONDS);
    let mut runs = Family::new(&agent::BPF_RUNS);
    for probe in &stats.probes {
        attached.count([probe.name], u64::from(probe.state.is_attached()));
        info.count([probe.name, probe.state.as_str()], 1);
        misses.count([probe.name], probe.misses);
        if let Some((count, time)) = probe.runs {
            seconds.value([probe.name], time);
            runs.count([probe.name], count);
        }
    }
    [attached, info, misses, seconds, runs]
}

fn scalars(stats: &SelfStats) -> impl Iterator<Item = Family> {
    use crate::metrics::family::float;
    let process = &stats.process;
    let values = [
        (&lifecycle::RESETS_SENT, float(stats.kernel.resets_sent)),
        (&lifecycle::RESETS_RECEIVED, float(stats.kernel.resets_received)),
        (&agent::PROCESS_CPU_SECONDS, process.cpu_seconds),
        (&agent::PROCESS_RESIDENT_MEMORY, float(process.resident_bytes)),
        (&agent::PROCESS_OPEN_FDS, float(process.open_fds)),
        (&agent::PROCESS_MAX_FDS, float(process.max_fds)),
        (&agent::PROCESS_START_TIME, process.start_time),
    ];
    values.into_iter().map(|(metric, value)| {
        let mut family = Family::new(metric);
        family.value([], value);
        family
    })
}
