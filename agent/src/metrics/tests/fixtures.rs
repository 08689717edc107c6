//! Snapshots and numbers of the agent, made up without a table's history, and their page.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent_common::tcp;
use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{ConnectFailure, OTHER, Phase, RetransmitKind, Role, SocketState};

use crate::conn::histogram::Histogram;
use crate::conn::pressure::{Listener, Netstat, OwnerProcess, PortUse, Pressure};
use crate::conn::seen::Seen;
use crate::conn::snapshot::{Group, Namespace, Queued, Service, Snapshot, StateGauge};
use crate::conn::{Limits, Nanos, Table};
use crate::kernel::probe::ProbeState;
use crate::kernel::sight::Limit;
use crate::metrics::stats::{DecodeErrors, Probe, ProcessSample, RunsOut, Whose};
use crate::metrics::{Collector, SharedStats};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::version::Build;
use crate::workload::path::workload_at;
use crate::workload::{Names, Workload};

const SECOND: u64 = 1_000_000_000;

pub(super) fn histogram(bounds: &'static [f64], values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(bounds);
    for value in values {
        histogram.observe(*value);
    }
    histogram
}

/// Returns the workload of a test's process.
fn workload(process: &str) -> Arc<str> {
    Arc::from(if process == OTHER { OTHER } else { "web.service" })
}

fn group(process: &str, role: Role) -> Group {
    Group {
        process: Arc::from(process),
        workload: workload(process),
        role,
        states: [StateGauge::default(); SocketState::COUNT],
        seen: Seen::default(),
        retransmitted: Default::default(),
        close_wait: [0; 3],
        queued: Queued::default(),
        idle_to: Vec::new(),
    }
}

fn service(process: &str, role: Role, port: Option<u16>) -> Service {
    Service {
        process: Arc::from(process),
        workload: workload(process),
        role,
        port,
        opened: 0,
        closed: Default::default(),
        failures: Default::default(),
        failed_to: Vec::new(),
        duration: Histogram::new(SECONDS),
        connect_duration: Histogram::new(SECONDS),
        srtt: Histogram::new(SECONDS),
        sent_bytes: Histogram::new(BYTES),
        received_bytes: Histogram::new(BYTES),
        established: 0,
    }
}

/// Returns the snapshot of a table without rows. A field that is not named here is as the table
/// shows it, so that a new field needs no entry.
pub(super) fn empty() -> Snapshot {
    Snapshot {
        groups: Vec::new(),
        services: Vec::new(),
        workloads: Vec::new(),
        state_durations: Vec::new(),
        namespaces: Vec::new(),
        pressure: Pressure::default(),
        limit: 1_000_000,
        unverified: 1,
        shared: 2,
        ..Table::new(Limits::default()).snapshot(Nanos::from_secs(5000))
    }
}

/// Returns a container of a pod whose image has a name that needs escapes.
fn container() -> Workload {
    let [namespace, pod, container] = ["shop", "web-0", "app"].map(Into::into);
    let names = Names { namespace, pod, container, image: "a\"b\\c".into(), ..Names::default() };
    Workload { names: names.into(), ..workload_at(&format!("/crio-{}.scope", "a".repeat(64))) }
}

/// Returns a client's service that has counted something of all.
fn calls() -> Service {
    let mut calls = service("curl", Role::Client, Some(443));
    calls.opened = 12;
    calls.closed[0] = 5;
    calls.failures[ConnectFailure::Refused.index()] = 2;
    let mut to_orders = [0; ConnectFailure::COUNT];
    to_orders[ConnectFailure::Refused.index()] = 1;
    calls.failed_to = vec![(1, [0; ConnectFailure::COUNT]), (0, to_orders)];
    calls.duration = histogram(SECONDS, &[0.5, 700.0]);
    calls.connect_duration = histogram(SECONDS, &[0.02]);
    calls.srtt = histogram(SECONDS, &[0.015]);
    calls.sent_bytes = histogram(BYTES, &[0.0, 300.0]);
    calls.received_bytes = histogram(BYTES, &[1e10]);
    calls
}

/// Returns a snapshot with a series in every family.
pub(super) fn full() -> Snapshot {
    let mut client = group("curl", Role::Client);
    client.states[SocketState::CloseWait.index()] =
        StateGauge { count: 7, oldest_since: Some(1400 * SECOND), older_than: [6, 5, 1] };
    client.see();
    client.close_wait = [0, 2, 5];
    client.queued = Queued {
        receive_bytes: 70,
        send_bytes: 80,
        zero_window: 1,
        idle: [9, 4, 2],
        unacknowledged: 3,
    };
    client.idle_to = vec![(1, [2, 1, 0]), (0, [3, 1, 1])];
    client.retransmitted[Phase::Syn.index()][RetransmitKind::Timeout.index()] = 3;
    let hostile = "a\"b\\c\nd\u{fffd}";
    Snapshot {
        destinations: ["orders-db", "users-db"].map(Arc::from).to_vec(),
        groups: vec![client, group(hostile, Role::Server), group(OTHER, Role::Unknown)],
        services: vec![
            calls(),
            service(hostile, Role::Server, Some(8080)),
            service(OTHER, Role::Server, None),
        ],
        workloads: vec![
            Arc::new(workload_at("/system.slice/web.service")),
            Arc::new(Workload::host()),
            Arc::new(container()),
        ],
        state_durations: vec![(Role::Client, SocketState::SynSent, histogram(SECONDS, &[0.02]))],
        synack_retransmits: vec![(Some(8080), 4), (None, 1)],
        namespaces: vec![
            Namespace { netns: 77, time_wait: 9, fin_wait2_orphan: 2, syn_recv: 1 },
            Namespace { netns: 78, time_wait: 1, ..Namespace::default() },
            Namespace { netns: 0, time_wait: 5, ..Namespace::default() },
        ],
        pressure: pressure(),
        transitions: 100,
        retransmits: 10,
        tracked: 7,
        corrections: [1, 2, 3],
        internal_errors: 6,
        reconcile_durations: histogram(SECONDS, &[0.004]),
        last_reconcile: Some(4990 * SECOND),
        label_overflow: vec![("services", 8)],
        ..empty()
    }
}

/// Returns an example of everything that the passes gather.
fn pressure() -> Pressure {
    let listener = |process: &str, port, sockets| Listener {
        process: process.into(),
        workload: workload(process),
        port,
        sockets,
        backlog: 5,
        limit: 10,
        syn_queue: 2,
        fullest: 1.0,
        drops: 3,
        unaccepted: 4,
        oldest_unaccepted: Some(4988 * SECOND),
    };
    let process = |tgid, sockets, open| {
        let descriptors = Some(Descriptors { tgid, open, limit: 1024 });
        OwnerProcess {
            tgid,
            process: "curl".into(),
            workload: workload("curl"),
            sockets,
            descriptors,
        }
    };
    Pressure {
        listeners: vec![
            listener("nginx", Some(80), 2),
            listener("gone", Some(81), 0),
            listener(OTHER, None, 1),
        ],
        ports: vec![
            PortUse { netns: 77, used: 14, range: 28 },
            PortUse { netns: 0, used: 1, range: 0 },
        ],
        netstat: vec![
            Netstat { netns: 77, overflows: 4, drops: 6, segments_sent: 800 },
            Netstat { netns: 0, overflows: 1, drops: 1, segments_sent: 5 },
        ],
        processes: vec![
            process(1, 900, 1000),
            process(2, 5, 1020),
            process(4, 1, 2049),
            OwnerProcess { descriptors: None, ..process(3, 1, 0) },
        ],
        host: Host {
            memory: vec![("used", 4096), ("limit", 8192)],
            orphans: Some(7),
            settings: vec![("somaxconn", 4096)],
        },
        ..Pressure::default()
    }
}

pub(super) fn stats() -> SharedStats {
    let stats = SharedStats::default();
    stats.update(|stats| {
        let at = |old: u8, new: u8| usize::from(old) * tcp::STATE_CODES + usize::from(new);
        stats.kernel.transitions[at(tcp::CLOSE, tcp::SYN_SENT)] = 14;
        stats.kernel.transitions[at(13, 14)] = 1;
        stats.kernel.transitions[at(14, 15)] = 1;
        stats.kernel.states_lost = 2;
        stats.kernel.resets_sent = 6;
        stats.decode_errors = DecodeErrors { truncated: 1, ..DecodeErrors::default() };
        stats.web_config_in_force = Some(true);
        stats.limits = vec![
            Limit { name: "cap_sys_admin", hides: true, sentence: "" },
            Limit { name: "pid_namespace", hides: false, sentence: "" },
        ];
        stats.probes = vec![
            Probe {
                name: "inet_sock_set_state",
                state: ProbeState::Attached,
                runs: Some((20, 0.000_012)),
                misses: 0,
            },
            Probe {
                name: "tcp_send_reset",
                state: ProbeState::Unsupported("why".into()),
                runs: None,
                misses: 0,
            },
        ];
        stats.process = ProcessSample {
            cpu_seconds: 1.5,
            resident_bytes: 20 << 20,
            open_fds: 30,
            max_fds: 1024,
            start_time: 1.7e9,
        };
        stats.build = Build { commit: "0123456789ab", id: "c0ffee" };
        stats.host_netns = 77;
        let whose = |process: &str| Whose::Descriptors(process.into(), workload(process));
        let whose_queue = |port| Whose::AcceptQueue("nginx".into(), workload("nginx"), Some(port));
        stats.running_out = vec![
            RunsOut { whose: whose("curl"), seconds: 2400.0 },
            RunsOut { whose: whose("curl"), seconds: 1200.0 },
            RunsOut { whose: Whose::Ports(77), seconds: 600.0 },
            RunsOut { whose: whose_queue(443), seconds: 300.0 },
        ];
        stats.expected = vec![("curl".into(), workload("curl"))];
    });
    stats
}

pub(super) fn page(snapshot: &Snapshot, stats: SharedStats) -> String {
    let snapshot = snapshot.clone();
    let collector = Collector::new(move || snapshot.clone(), stats)
        .at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    String::from_utf8(collector.page().as_ref().to_vec()).unwrap()
}
