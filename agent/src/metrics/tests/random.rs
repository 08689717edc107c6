//! Snapshots of anything that a table could show, and more.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::array::{uniform, uniform3};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::empty;
use crate::conn::histogram::{BYTES, Histogram, SECONDS};
use crate::conn::pressure::{Listener, Netstat, OwnerProcess, PortUse, Pressure};
use crate::conn::snapshot::{Group, Namespace, OTHER, Queued, Service, Snapshot, StateGauge};
use crate::kernel::probe::ProbeState;
use crate::metrics::stats::{Probe, ProcessSample, SelfStats};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::workload::path::classify;
use catalogue::labels::{Role, SocketState};

/// Text from outside: everything that needs an escape, and neighbours of it in the order of bytes.
fn name() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        "[ab\"\\\\\n{},= ~!#\u{e9}\u{fffd}\u{1f980}]{0,5}".prop_map(Arc::from),
        any::<String>().prop_map(Arc::from),
        Just(Arc::from(OTHER)),
        Just(Arc::from("unknown")),
    ]
    .boxed()
}

/// Counts: small ones, large ones, and those that a float does not have.
fn count() -> BoxedStrategy<u64> {
    prop_oneof![3 => 0..12_u64, 1 => any::<u64>(), 1 => (0..60_u32, 0..3_u64).prop_map(|(bits, more)| (1 << bits) + more - 1)].boxed()
}

/// Counts that can be added up.
fn small() -> impl Strategy<Value = u64> {
    count().prop_map(|count| count >> 16)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        small().prop_map(|count| Histogram::new(SECONDS).sum()
            + f64::from(u32::try_from(count & 0xffff_ffff).unwrap()) / 1000.0),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            9_007_199_254_740_992.0,
            1e300,
            1e-7,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN
        ]),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

fn port() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![4 => any::<u16>().prop_map(Some), 4 => (0..12_u16).prop_map(Some), 1 => Just(None)]
}

fn netns() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, any::<u32>()]
}

fn histogram(bounds: &'static [f64]) -> BoxedStrategy<Histogram> {
    vec(prop_oneof![0.0..2.0, 0.0..1e10_f64], 0..4)
        .prop_map(move |values| {
            let mut histogram = Histogram::new(bounds);
            for value in values {
                histogram.observe(value);
            }
            histogram
        })
        .boxed()
}

fn gauge() -> impl Strategy<Value = StateGauge> {
    (count(), proptest::option::of(0..6_000_000_000_000_u64), uniform3(count())).prop_map(
        |(count, oldest_since, older_than)| StateGauge { count, oldest_since, older_than },
    )
}

/// A process, a workload and a role.
type Owner = (Arc<str>, Arc<str>, Role);

fn owners() -> impl Strategy<Value = BTreeSet<Owner>> {
    btree_set((name(), name(), role()), 0..6)
}

fn group((process, workload, role): Owner) -> BoxedStrategy<Group> {
    let retransmitted = uniform3(uniform::<_, 4>(count()));
    (
        uniform::<_, { SocketState::COUNT }>(gauge()),
        uniform3(count()),
        uniform3(count()),
        retransmitted,
    )
        .prop_map(
            move |(states, close_wait, [receive_bytes, send_bytes, zero_window], retransmitted)| {
                Group {
                    process: Arc::clone(&process),
                    workload: Arc::clone(&workload),
                    role,
                    states,
                    close_wait,
                    queued: Queued { receive_bytes, send_bytes, zero_window },
                    retransmitted,
                }
            },
        )
        .boxed()
}

fn service((process, workload, role): Owner, port: Option<u16>) -> BoxedStrategy<Service> {
    let counts = (count(), uniform(count()), uniform(prop_oneof![2 => Just(0), 1 => small()]));
    let times = (histogram(SECONDS), histogram(SECONDS), histogram(SECONDS));
    (counts, times, histogram(BYTES), histogram(BYTES))
        .prop_map(
            move |(
                (opened, closed, failures),
                (duration, connect_duration, srtt),
                sent_bytes,
                received_bytes,
            )| Service {
                process: Arc::clone(&process),
                workload: Arc::clone(&workload),
                role,
                port,
                opened,
                closed,
                failures,
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
    (prop_oneof![Just(0), count()], uniform(count()), number()).prop_map(
        move |(sockets, [backlog, limit, syn_queue, drops], fullest)| {
            let (process, workload) = (Arc::clone(&process), Arc::clone(&workload));
            Listener { process, workload, port, sockets, backlog, limit, syn_queue, fullest, drops }
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

/// A snapshot in which no label set occurs twice, in any order.
pub(super) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let groups = owners()
        .prop_flat_map(|of| of.into_iter().map(group).collect::<Vec<_>>())
        .prop_shuffle()
        .boxed();
    let served = btree_set(((name(), name(), role()), port()), 0..6);
    let services = served
        .prop_flat_map(|of| {
            of.into_iter().map(|(owner, port)| service(owner, port)).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .boxed();
    let workloads = btree_set("[a-z\"\\\\\n]{1,6}", 0..4);
    let durations = vec(histogram(SECONDS), Role::COUNT * SocketState::COUNT);
    let synacks = btree_set(port(), 0..6)
        .prop_flat_map(|of| of.into_iter().map(|port| (Just(port), count())).collect::<Vec<_>>());
    let moments = (proptest::option::of(0..6_000_000_000_000_u64), 0..6_000_000_000_000_u64);
    let rest = (uniform(count()), uniform3(count()), histogram(SECONDS), moments).boxed();
    (
        groups,
        services,
        workloads,
        durations,
        synacks.prop_shuffle().boxed(),
        namespaces(),
        pressure(),
        rest,
    )
        .prop_map(
            |(
                groups,
                services,
                workloads,
                durations,
                synack_retransmits,
                namespaces,
                pressure,
                rest,
            )| {
                let all = Role::ALL
                    .iter()
                    .flat_map(|role| SocketState::ALL.iter().map(|state| (*role, *state)));
                let workload =
                    |name: String| Arc::new(classify(&format!("/system.slice/{name}.service")));
                let (
                    retransmit_failures,
                    corrections,
                    reconcile_durations,
                    (last_reconcile, taken_at),
                ) = rest;
                Snapshot {
                    taken_at,
                    groups,
                    services,
                    workloads: workloads.into_iter().map(workload).collect(),
                    state_durations: all
                        .zip(durations)
                        .map(|((role, state), histogram)| (role, state, histogram))
                        .collect(),
                    synack_retransmits,
                    retransmit_failures,
                    namespaces,
                    pressure,
                    corrections,
                    reconcile_durations,
                    last_reconcile,
                    label_overflow: vec![("services", 8), ("another", 9)],
                    ..empty()
                }
            },
        )
}

/// The agent's own numbers.
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
