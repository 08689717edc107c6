//! Snapshots of anything that a table could show, and more.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{Role, SocketState};
use proptest::array::{uniform, uniform3};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::fixtures::empty;
use super::values::{
    NAMED, count, gauge, histogram, name, netns, number, port, role, small, to_names,
};
use crate::conn::pressure::{Listener, Netstat, OwnerProcess, PortUse, Pressure};
use crate::conn::seen::Seen;
use crate::conn::snapshot::{Group, Namespace, Queued, Service, Snapshot};
use crate::kernel::probe::ProbeState;
use crate::metrics::stats::{Probe, ProcessSample, SelfStats};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::workload::path::workload_at;

/// An `Owner` is a process, a workload and a role.
type Owner = (Arc<str>, Arc<str>, Role);

fn owners() -> impl Strategy<Value = BTreeSet<Owner>> {
    btree_set((name(), name(), role()), 0..6)
}

fn group((process, workload, role): Owner) -> BoxedStrategy<Group> {
    let retransmitted = uniform3(uniform::<_, 4>(count()));
    let idle_to = to_names(uniform3(small()));
    (
        uniform::<_, { SocketState::COUNT }>(gauge()),
        uniform3(count()),
        uniform::<_, 4>(count()),
        uniform3(count()),
        idle_to,
        retransmitted,
    )
        .prop_map(move |(states, close_wait, queued, idle, idle_to, retransmitted)| {
            let [receive_bytes, send_bytes, zero_window, unacknowledged] = queued;
            let mut group = Group {
                process: Arc::clone(&process),
                workload: Arc::clone(&workload),
                role,
                states,
                seen: Seen::default(),
                close_wait,
                queued: Queued { receive_bytes, send_bytes, zero_window, idle, unacknowledged },
                idle_to,
                retransmitted,
            };
            group.see();
            group
        })
        .boxed()
}

fn service((process, workload, role): Owner, port: Option<u16>) -> BoxedStrategy<Service> {
    let failures = || uniform(prop_oneof![2 => Just(0), 1 => small()]);
    let counts = (count(), count(), uniform(count()), failures(), to_names(failures()));
    let times = (histogram(SECONDS), histogram(SECONDS), histogram(SECONDS));
    (counts, times, histogram(BYTES), histogram(BYTES))
        .prop_map(
            move |(
                (opened, established, closed, failures, failed_to),
                (duration, connect_duration, srtt),
                sent_bytes,
                received_bytes,
            )| Service {
                process: Arc::clone(&process),
                workload: Arc::clone(&workload),
                role,
                port,
                opened,
                established,
                closed,
                failures,
                failed_to,
                duration,
                connect_duration,
                srtt,
                sent_bytes,
                received_bytes,
            },
        )
        .boxed()
}

fn listener(
    (process, workload, port): (Arc<str>, Arc<str>, Option<u16>),
) -> impl Strategy<Value = Listener> {
    let oldest = proptest::option::of(count());
    (prop_oneof![Just(0), count()], uniform(count()), number(), oldest).prop_map(
        move |(sockets, numbers, fullest, oldest_unaccepted)| {
            let [backlog, limit, syn_queue, drops, unaccepted] = numbers;
            let (process, workload) = (Arc::clone(&process), Arc::clone(&workload));
            Listener {
                process,
                workload,
                port,
                sockets,
                backlog,
                limit,
                syn_queue,
                fullest,
                drops,
                unaccepted,
                oldest_unaccepted,
            }
        },
    )
}

fn process() -> impl Strategy<Value = OwnerProcess> {
    let descriptors = proptest::option::of((0..3000_u64, prop_oneof![0..3000_u64, Just(u64::MAX)]));
    (0..5_u32, 0..2_u8, count(), descriptors).prop_map(|(tgid, named, sockets, descriptors)| {
        OwnerProcess {
            tgid,
            process: Arc::from(if named == 0 { "one" } else { "o\"ther" }),
            workload: Arc::from("host"),
            sockets,
            descriptors: descriptors.map(|(open, limit)| Descriptors { tgid, open, limit }),
        }
    })
}

fn pressure() -> BoxedStrategy<Pressure> {
    let listeners = btree_set((name(), name(), port()), 0..4)
        .prop_flat_map(|of| of.into_iter().map(listener).collect::<Vec<_>>());
    let ports = btree_set(netns(), 0..4).prop_flat_map(|of| {
        let place = |netns| {
            (any::<u32>(), any::<u32>()).prop_map(move |(used, range)| PortUse {
                netns,
                used,
                range,
            })
        };
        of.into_iter().map(place).collect::<Vec<_>>()
    });
    let netstat = btree_set(netns(), 0..4).prop_flat_map(|of| {
        let counted = |netns| {
            uniform3(count()).prop_map(move |[overflows, drops, segments_sent]| Netstat {
                netns,
                overflows,
                drops,
                segments_sent,
            })
        };
        of.into_iter().map(counted).collect::<Vec<_>>()
    });
    let host = (count(), count()).prop_map(|(used, setting)| Host {
        memory: vec![("used", used), ("limit", 8192)],
        orphans: Some(setting),
        settings: vec![("tcp_b", setting), ("tcp_a", 1)],
    });
    (
        listeners.prop_shuffle().boxed(),
        ports.prop_shuffle().boxed(),
        netstat.prop_shuffle().boxed(),
        vec(process(), 0..6),
        host,
    )
        .prop_map(|(listeners, ports, netstat, processes, host)| Pressure {
            listeners,
            ports,
            netstat,
            processes,
            host,
            ..Pressure::default()
        })
        .boxed()
}

fn namespaces() -> BoxedStrategy<Vec<Namespace>> {
    let counted = |netns| {
        uniform3(small()).prop_map(move |[time_wait, fin_wait2_orphan, syn_recv]| Namespace {
            netns,
            time_wait,
            fin_wait2_orphan,
            syn_recv,
        })
    };
    btree_set(netns(), 0..5)
        .prop_flat_map(move |of| of.into_iter().map(counted).collect::<Vec<_>>())
        .prop_shuffle()
        .boxed()
}

/// Generates the groups, services, workloads and times in state of a snapshot.
fn tables() -> BoxedStrategy<Snapshot> {
    let groups = owners()
        .prop_flat_map(|of| of.into_iter().map(group).collect::<Vec<_>>())
        .prop_shuffle()
        .boxed();
    let services = btree_set(((name(), name(), role()), port()), 0..6)
        .prop_flat_map(|of| {
            of.into_iter().map(|(owner, port)| service(owner, port)).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .boxed();
    let workloads = btree_set("[a-z\"\\\\\n]{1,6}", 0..4);
    let durations = vec(histogram(SECONDS), Role::COUNT * SocketState::COUNT);
    let destinations = btree_set(name(), usize::from(NAMED));
    (destinations, groups, services, workloads, durations)
        .prop_map(|(destinations, groups, services, workloads, durations)| {
            let all = Role::ALL
                .iter()
                .flat_map(|role| SocketState::ALL.iter().map(|state| (*role, *state)));
            let workload =
                |name: String| Arc::new(workload_at(&format!("/system.slice/{name}.service")));
            Snapshot {
                destinations: destinations.into_iter().collect(),
                groups,
                services,
                workloads: workloads.into_iter().map(workload).collect(),
                state_durations: all
                    .zip(durations)
                    .map(|((role, state), histogram)| (role, state, histogram))
                    .collect(),
                ..empty()
            }
        })
        .boxed()
}

/// Generates a snapshot in which no label set occurs twice, in any order.
pub(super) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let synacks = btree_set(port(), 0..6)
        .prop_flat_map(|of| of.into_iter().map(|port| (Just(port), count())).collect::<Vec<_>>())
        .prop_shuffle()
        .boxed();
    let retransmits = (synacks, uniform(count()));
    let moments = (proptest::option::of(0..6_000_000_000_000_u64), 0..6_000_000_000_000_u64);
    let passes = (moments, uniform3(count()), histogram(SECONDS)).boxed();
    (tables(), retransmits, namespaces(), pressure(), passes).prop_map(
        |(tables, (synack_retransmits, retransmit_failures), namespaces, pressure, passes)| {
            let ((last_reconcile, taken_at), corrections, reconcile_durations) = passes;
            Snapshot {
                taken_at,
                synack_retransmits,
                retransmit_failures,
                namespaces,
                pressure,
                corrections,
                reconcile_durations,
                last_reconcile,
                label_overflow: vec![("services", 8), ("another", 9)],
                ..tables
            }
        },
    )
}

/// Generates the agent's own numbers.
pub(super) fn stats() -> impl Strategy<Value = SelfStats> {
    let probe = |name| {
        let numbers = (proptest::option::of((count(), number())), count());
        numbers
            .prop_map(move |(runs, misses)| Probe {
                name,
                state: ProbeState::Attached,
                runs,
                misses,
            })
            .boxed()
    };
    let probes = Just(vec!["b", "c", "a"])
        .prop_shuffle()
        .prop_flat_map(move |names| names.into_iter().map(probe).collect::<Vec<_>>());
    (probes.boxed(), vec((0..256_usize, small()), 0..5), number(), uniform3(count()), netns())
        .prop_map(
            |(
                probes,
                transitions,
                cpu_seconds,
                [resident_bytes, open_fds, max_fds],
                host_netns,
            )| {
                let process = ProcessSample {
                    cpu_seconds,
                    resident_bytes,
                    open_fds,
                    max_fds,
                    start_time: 1.7e9,
                };
                let mut stats = SelfStats { probes, process, host_netns, ..SelfStats::default() };
                for (at, count) in transitions {
                    stats.kernel.transitions[at] = count;
                }
                stats
            },
        )
}
