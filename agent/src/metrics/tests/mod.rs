//! The page of a snapshot: against the catalogue, against the golden file, and against a second
//! witness.

mod random;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent_common::tcp;

use super::stats::{DecodeErrors, Probe, ProcessSample};
use super::{Collector, SharedStats, families};
use crate::conn::histogram::{BYTES, Histogram, SECONDS};
use crate::conn::pressure::{Listener, Netstat, OwnerProcess, PortUse, Pressure};
use crate::conn::snapshot::{Group, Namespace, OTHER, Queued, Service, Snapshot, StateGauge};
use crate::kernel::probe::ProbeState;
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::workload::Workload;
use catalogue::labels::{ConnectFailure, Correction, Phase, RetransmitKind, Role, SocketState};
use catalogue::metrics::{Kind, all};

const SECOND: u64 = 1_000_000_000;

fn histogram(bounds: &'static [f64], values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(bounds);
    for value in values {
        histogram.observe(*value);
    }
    histogram
}

/// The workload of a test's process.
fn workload(process: &str) -> Arc<str> {
    Arc::from(if process == OTHER { OTHER } else { "web.service" })
}

fn group(process: &str, role: Role) -> Group {
    Group {
        process: Arc::from(process),
        workload: workload(process),
        role,
        states: [StateGauge::default(); SocketState::COUNT],
        retransmitted: Default::default(),
        close_wait: [0; 3],
        queued: Queued::default(),
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
        duration: Histogram::new(SECONDS),
        connect_duration: Histogram::new(SECONDS),
        srtt: Histogram::new(SECONDS),
        sent_bytes: Histogram::new(BYTES),
        received_bytes: Histogram::new(BYTES),
    }
}

fn empty() -> Snapshot {
    Snapshot {
        taken_at: 5000 * SECOND,
        groups: Vec::new(),
        services: Vec::new(),
        workloads: Vec::new(),
        state_durations: Vec::new(),
        synack_retransmits: Vec::new(),
        retransmit_failures: [0; 6],
        namespaces: Vec::new(),
        pressure: Pressure::default(),
        transitions: 0,
        retransmits: 0,
        tracked: 0,
        limit: 1_000_000,
        refused: 0,
        unattributed: 0,
        unverified: 1,
        unheld: 0,
        shared: 2,
        owners_read: None,
        corrections: [0; Correction::COUNT],
        reconcile_durations: Histogram::new(SECONDS),
        last_reconcile: None,
        label_overflow: Vec::new(),
    }
}

/// A snapshot with something in every family.
fn full() -> Snapshot {
    let mut client = group("curl", Role::Client);
    client.states[SocketState::CloseWait.index()] =
        StateGauge { count: 7, oldest_since: Some(1400 * SECOND), older_than: [6, 5, 1] };
    client.close_wait = [0, 2, 5];
    client.queued = Queued { receive_bytes: 70, send_bytes: 80, zero_window: 1 };
    client.retransmitted[Phase::Syn.index()][RetransmitKind::Timeout.index()] = 3;
    let mut calls = service("curl", Role::Client, Some(443));
    calls.opened = 12;
    calls.closed[0] = 5;
    calls.failures[ConnectFailure::Refused.index()] = 2;
    calls.duration = histogram(SECONDS, &[0.5, 700.0]);
    calls.connect_duration = histogram(SECONDS, &[0.02]);
    calls.srtt = histogram(SECONDS, &[0.015]);
    calls.sent_bytes = histogram(BYTES, &[0.0, 300.0]);
    calls.received_bytes = histogram(BYTES, &[1e10]);
    let hostile = "a\"b\\c\nd\u{fffd}";
    Snapshot {
        groups: vec![client, group(hostile, Role::Server), group(OTHER, Role::Unknown)],
        services: vec![
            calls,
            service(hostile, Role::Server, Some(8080)),
            service(OTHER, Role::Server, None),
        ],
        workloads: vec![
            Arc::new(crate::workload::path::classify("/system.slice/web.service")),
            Arc::new(Workload::host()),
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
        reconcile_durations: histogram(SECONDS, &[0.004]),
        last_reconcile: Some(4990 * SECOND),
        label_overflow: vec![("services", 8)],
        ..empty()
    }
}

/// Something of everything that the passes gather.
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
            settings: vec![("somaxconn", 4096)],
        },
        ..Pressure::default()
    }
}

fn stats() -> SharedStats {
    let stats = SharedStats::default();
    stats.update(|stats| {
        let at = |old: u8, new: u8| usize::from(old) * tcp::STATE_CODES + usize::from(new);
        stats.kernel.transitions[at(tcp::CLOSE, tcp::SYN_SENT)] = 14;
        stats.kernel.transitions[at(13, 14)] = 1;
        stats.kernel.transitions[at(14, 15)] = 1;
        stats.kernel.states_lost = 2;
        stats.kernel.resets_sent = 6;
        stats.decode_errors = DecodeErrors { truncated: 1, ..DecodeErrors::default() };
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
        stats.host_netns = 77;
    });
    stats
}

fn page(snapshot: &Snapshot, stats: SharedStats) -> String {
    let snapshot = snapshot.clone();
    let collector = Collector::new(move || snapshot.clone(), stats)
        .at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    String::from_utf8(collector.page().as_ref().to_vec()).unwrap()
}

/// Compares with a committed file, or rewrites it under `TCPWARDEN_BLESS=1`.
fn compare(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("TCPWARDEN_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let first = committed.lines().zip(text.lines()).position(|(one, other)| one != other);
    assert!(
        committed == text,
        "{} differs from line {:?} on; if that is meant, rewrite it with TCPWARDEN_BLESS=1 cargo test",
        path.display(),
        first.map(|line| line + 1)
    );
}

#[test]
fn the_page_of_a_full_snapshot_is_the_golden_one() {
    compare("src/metrics/golden.txt", &page(&full(), stats()));
}

/// Name and label set of a line without its value.
fn series(line: &str) -> &str {
    line.rsplit_once(' ').unwrap().0
}

#[test]
fn every_family_is_as_the_catalogue_says_and_none_is_missing() {
    let page = page(&full(), stats());
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let catalogue: BTreeMap<&str, &str> =
        all().map(|metric| (metric.name, metric.kind.as_str())).collect();
    assert_eq!(types, catalogue);
    for metric in all() {
        let names = metric.series_names();
        let mut lines = page.lines().filter(|line| {
            names.iter().any(|name| {
                line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))
            })
        });
        let line = lines.next().unwrap();
        let mut position = 0;
        for label in metric.labels {
            let at = line[position..]
                .find(&format!("{label}=\""))
                .unwrap_or_else(|| panic!("{label} is not in {line}"));
            position += at;
        }
        let labels = line.matches("=\"").count()
            - usize::from(metric.kind == Kind::Histogram && line.contains("_bucket{"));
        assert_eq!(labels, metric.labels.len(), "{line}");
    }
}

#[test]
fn every_metric_of_the_catalogue_is_written_once_in_the_order_of_names() {
    let written: Vec<&str> = families::all().iter().map(|(metric, _)| metric.name).collect();
    assert_eq!(
        written,
        all().map(|metric| metric.name).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn no_label_set_occurs_twice_and_the_order_is_stable() {
    let once = page(&full(), stats());
    let lines: Vec<&str> = once.lines().filter(|line| !line.starts_with('#')).collect();
    let unique: BTreeSet<&str> = lines.iter().map(|line| series(line)).collect();
    assert_eq!(unique.len(), lines.len());
    let mut turned = full();
    turned.groups.reverse();
    turned.services.reverse();
    assert_eq!(page(&turned, stats()), once);
}

#[test]
fn a_hostile_process_name_stays_on_one_line() {
    let page = page(&full(), stats());
    assert!(page.contains(r#"tcpwarden_connections{process="a\"b\\c\nd�",workload="web.service",role="server",state="listen"} 0"#));
}

#[test]
fn counters_with_fixed_labels_are_there_from_the_start() {
    let page = page(&empty(), SharedStats::default());
    for line in [
        "tcpwarden_transitions_total{old=\"syn_sent\",new=\"established\"} 0",
        "tcpwarden_events_total{event=\"transition\"} 0",
        "tcpwarden_events_lost_total{ring=\"state\"} 0",
        "tcpwarden_events_lost_total{ring=\"retransmit\"} 0",
        "tcpwarden_decode_errors_total{reason=\"bad_state\"} 0",
        "tcpwarden_reconcile_corrections_total{kind=\"missed_close\"} 0",
        "tcpwarden_label_overflow_total{family=\"groups\"} 0",
        "tcpwarden_resets_sent_total 0",
        "tcpwarden_retransmit_failures_total{error=\"busy\"} 0",
        "tcpwarden_reconcile_duration_seconds_count 0",
        "tcpwarden_reconcile_last_completed_timestamp_seconds 0",
        "tcpwarden_time_wait_sockets{netns=\"host\"} 0",
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
}

#[test]
fn a_service_without_observations_has_no_histogram() {
    let page = page(&full(), stats());
    assert!(page.contains("tcpwarden_connections_opened_total{process=\"~other\",workload=\"~other\",role=\"server\",port=\"~other\"} 0"));
    let lines =
        page.lines().filter(|line| line.starts_with("tcpwarden_connection_duration_seconds_count"));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "tcpwarden_connection_duration_seconds_count{process=\"curl\",workload=\"web.service\",role=\"client\",port=\"443\"} 2"
        ]
    );
}
