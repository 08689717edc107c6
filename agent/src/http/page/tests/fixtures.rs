//! Machines, made up: a healthy one, one with leaks and everything else that can go wrong, and one
//! whose agent is in trouble.

use catalogue::labels::{ConnectFailure, Phase, RetransmitKind, Role, SocketState};

use super::situations::{failures, ports, suspects};
use crate::conn::pressure::{Listener, OwnerProcess, PortUse, Pressure};
use crate::conn::seen::Seen;
use crate::conn::snapshot::{Group, Namespace, Queued, Service, Snapshot, StateGauge};
use crate::conn::{Limits, Nanos, Table, Totals};
use crate::history::{Moment, Rings};
use crate::http::page::{Details, Overview};
use crate::kernel::probe::{PROBES, ProbeState};
use crate::kernel::sight;
use crate::leaks::{Leaks, LookedAt};
use crate::metrics::stats::{Probe, ProcessSample, RunsOut, SelfStats, Whose};
use crate::pressure::descriptors::Descriptors;
use crate::query::ports::Ports;
use crate::query::trouble::Troubles;

pub(super) const SECOND: u64 = 1_000_000_000;
/// When the pages are made.
pub(super) const NOW: u64 = 30_000 * SECOND;

fn group(process: &str, role: Role, counts: &[(SocketState, u64)]) -> Group {
    let mut states = [StateGauge::default(); SocketState::COUNT];
    for (state, count) in counts {
        states[state.index()].count = *count;
    }
    Group {
        process: process.into(),
        workload: format!("{process}.service").into(),
        role,
        states,
        seen: Seen::default(),
        close_wait: [0; 3],
        queued: Queued::default(),
        idle_to: Vec::new(),
        retransmitted: [[0; RetransmitKind::COUNT]; Phase::COUNT],
    }
}

/// Returns a service with so many opened and closed; the rest is as a table begins.
fn service(process: &str, port: u16, opened: u64, closed: u64) -> Service {
    let histogram = || crate::conn::histogram::Histogram::new(catalogue::buckets::SECONDS);
    let bytes = || crate::conn::histogram::Histogram::new(catalogue::buckets::BYTES);
    let mut service = Service {
        process: process.into(),
        workload: format!("{process}.service").into(),
        role: Role::Client,
        port: Some(port),
        opened,
        established: opened - closed,
        closed: Default::default(),
        failures: Default::default(),
        failed_to: Vec::new(),
        duration: histogram(),
        connect_duration: histogram(),
        srtt: histogram(),
        sent_bytes: bytes(),
        received_bytes: bytes(),
    };
    service.closed[0] = closed;
    service
}

fn listener(process: &str, port: u16, backlog: u64, limit: u32) -> Listener {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let fullest = backlog as f64 / f64::from(limit + 1);
    Listener {
        process: process.into(),
        workload: format!("{process}.service").into(),
        port: Some(port),
        sockets: 1,
        backlog,
        limit: limit.into(),
        syn_queue: 0,
        fullest,
        drops: if fullest >= 1.0 { 1840 } else { 0 },
        unaccepted: backlog,
        oldest_unaccepted: None,
    }
}

fn owner(process: &str, tgid: u32, open: u64, limit: u64) -> OwnerProcess {
    OwnerProcess {
        tgid,
        process: process.into(),
        workload: format!("{process}.service").into(),
        sockets: open / 2,
        descriptors: Some(Descriptors { tgid, open, limit }),
    }
}

fn stats() -> SelfStats {
    let probe = |name| Probe { name, state: ProbeState::Attached, runs: None, misses: 0 };
    SelfStats {
        probes: PROBES.iter().map(|one| probe(one.name)).collect(),
        process: ProcessSample { resident_bytes: 16_700_000, ..ProcessSample::default() },
        host_netns: 77,
        ..SelfStats::default()
    }
}

/// Returns a history of six hours up to `now`: what the table counts, grown towards it.
fn history(now: &Totals, leaks: bool, sleeps: bool) -> Rings {
    let mut rings = Rings::default();
    for second in (8400..=30_000_u64).step_by(10) {
        let hours = f64::from(u32::try_from(second).unwrap()) / 3600.0;
        let wave = (hours * 4.0).sin().mul_add(0.12, 0.88) + (hours * 31.0).sin() * 0.02;
        let part = |count: u64, share: f64| {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let part = (count as f64 * share).max(0.0) as u64;
            part
        };
        let grown = if leaks { ((hours - 5.0) / 3.34).max(0.0) } else { wave };
        let mut totals = *now;
        totals.states = now.states.map(|count| part(count, wave));
        totals.states[SocketState::CloseWait.index()] =
            part(now.states[SocketState::CloseWait.index()], grown);
        totals.time_wait = part(now.time_wait, wave);
        let since = (hours / 8.3334).mul_add(0.97, (hours * 4.0).sin() * 0.01);
        totals.opened = part(now.opened, since);
        totals.closed = part(now.closed, since);
        totals.failed = part(now.failed, grown.min(since));
        totals.retransmitted = part(now.retransmitted, since);
        let asleep = if sleeps && second > 20_000 { 3600 * SECOND } else { 0 };
        if !(sleeps && (26_000..27_800).contains(&second)) {
            rings.add(Moment { awake: second * SECOND, all: second * SECOND + asleep }, &totals);
        }
    }
    rings
}

fn overview(snapshot: Snapshot, stats: SelfStats, leaks: bool, sleeps: bool) -> Overview {
    let rings = history(&Totals::of(&snapshot), leaks, sleeps);
    let all = NOW + if sleeps { 3600 * SECOND } else { 0 };
    let moment = Moment { awake: NOW, all };
    let uptime = std::time::Duration::from_mins(450);
    Overview { uptime, alive: !sleeps, snapshot, stats, rings, moment }
}

fn snapshot() -> Snapshot {
    use SocketState::{CloseWait, Established, Listen};
    let mut groups = vec![
        group("nginx", Role::Server, &[(Established, 412), (Listen, 2)]),
        group("postgres", Role::Server, &[(Established, 96), (Listen, 1)]),
        group("orders-api", Role::Client, &[(Established, 64), (CloseWait, 1)]),
    ];
    groups[2].retransmitted[1][0] = 310;
    Snapshot {
        groups,
        services: vec![service("orders-api", 5432, 84_200, 84_136)],
        namespaces: vec![Namespace { netns: 77, time_wait: 210, ..Namespace::default() }],
        pressure: Pressure {
            listeners: vec![listener("nginx", 443, 3, 511), listener("postgres", 5432, 0, 200)],
            ports: vec![PortUse { netns: 77, used: 96, range: 28_232 }],
            processes: vec![
                owner("nginx", 811, 430, 1024),
                owner("postgres", 1119, 130, 1024),
                owner("orders-api", 1077, 91, 1024),
            ],
            ..Pressure::default()
        },
        tracked: 576,
        last_reconcile: Some(NOW - 12 * SECOND),
        ..Table::new(Limits::default()).snapshot(Nanos::new(NOW))
    }
}

fn no_details() -> Details {
    let looked_at = LookedAt { connections: 576, in_leak_states: 1, ..LookedAt::default() };
    Details {
        leaks: Leaks { looked_at, notes_matched: 1, ..Leaks::default() },
        failures: Troubles::default(),
        ports: Ports { destinations: ports(96), ..Ports::default() },
    }
}

/// A machine on which all is well.
pub(super) fn healthy() -> (Overview, Details) {
    (overview(snapshot(), stats(), false, false), no_details())
}

/// A machine with leaks, a process that hangs, a full queue, and connects that fail.
pub(super) fn leaking() -> (Overview, Details) {
    let (mut snapshot, mut stats) = (snapshot(), stats());
    let stuck = StateGauge {
        count: 455,
        oldest_since: Some(NOW - 4360 * SECOND),
        older_than: [441, 402, 38],
    };
    snapshot.groups[2].states[SocketState::CloseWait.index()] = stuck;
    let (count, older_than) = (3, [2, 0, 0]);
    let young = StateGauge { count, oldest_since: Some(NOW - 75 * SECOND), older_than };
    snapshot.groups[2].states[SocketState::LastAck.index()] = young;
    snapshot.groups[2].see();
    snapshot.services[0].failures[ConnectFailure::TimedOut.index()] = 40;
    snapshot.services[0].failures[ConnectFailure::Refused.index()] = 12;
    snapshot.pressure.listeners.push(listener("billing", 8443, 129, 128));
    snapshot.pressure.processes.push(owner("orders-api", 1078, 931, 1024));
    snapshot.pressure.ports[0].used = 20_400;
    snapshot.tracked = 12_031;
    let whose = Whose::Descriptors("orders-api".into(), "orders-api.service".into());
    stats.running_out = vec![RunsOut { whose, seconds: 1240.0 }];
    let looked_at = LookedAt {
        connections: 12_031,
        in_leak_states: 470,
        past_grace: 455,
        ..LookedAt::default()
    };
    let suspects = suspects();
    let details = Details {
        leaks: Leaks {
            looked_at,
            matched: suspects.len(),
            returned: suspects.len(),
            suspects,
            ..Leaks::default()
        },
        failures: failures(),
        ports: Ports { destinations: ports(20_400), ..Ports::default() },
    };
    (overview(snapshot, stats, true, false), details)
}

/// A machine that is well as far as the agent can tell, which is not far.
pub(super) fn in_trouble() -> (Overview, Details) {
    let (mut snapshot, mut stats) = (snapshot(), stats());
    stats.probes[2].state =
        ProbeState::Failed("<no> permission: \"bpf\" & perf_event_open".to_owned());
    stats.probes[4].state = ProbeState::Unsupported("the kernel does not have it".to_owned());
    stats.limits = vec![sight::namespaces(3)];
    stats.kernel.states_lost = 1200;
    stats.unseen = 34;
    snapshot.refused = 1_250_000;
    snapshot.limit = 1_000_000;
    snapshot.tracked = 1_000_000;
    snapshot.unattributed = 48_211;
    snapshot.unverified = 77;
    snapshot.corrections = [900, 41, 3];
    snapshot.last_reconcile = Some(NOW - 600 * SECOND);
    (overview(snapshot, stats, false, true), no_details())
}
