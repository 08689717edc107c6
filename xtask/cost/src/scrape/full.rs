//! A table with every label budget used up, filled by records and a pass as the kernel would fill
//! it.

use std::sync::Arc;

use agent_common::record::{Close, Endpoints, Retransmit, Socket, State, flag};
use agent_common::tcp;
use catalogue::labels::SocketState;
use tcpwarden::conn::{Covered, Limits, Nanos, Table};
use tcpwarden::pressure::descriptors::Descriptors;
use tcpwarden::pressure::host::Host;
use tcpwarden::pressure::netns::Facts;
use tcpwarden::workload::{Key, Sight, path};

use super::SECOND;

/// The first of the network namespaces.
const NETNS: u32 = 4_026_531_840;
/// Programs that connect; each is a process in a workload of its own, a client.
const CLIENTS: u32 = 150;
/// Programs that listen, each on two ports.
const SERVERS: u32 = 150;
/// Network namespaces.
const NAMESPACES: u32 = 80;
/// Ports whose SYN-ACKs were retransmitted.
const PORTS: u16 = 300;

/// A table with the default limits that is full in every respect and follows `rows` connections
/// more.
///
/// # Panics
/// Never with fewer rows than a socket address has values.
#[must_use]
pub fn full(rows: u32) -> Table {
    let limits = Limits::default();
    let mut table = Table::new(Limits {
        connections: limits.connections.max(rows as usize + 10_000),
        ..limits
    });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    table.see_workloads(Sight::Unified);
    let workload = |program: u32| {
        Some(Arc::new(path::workload_at(&format!("/system.slice/app-{program}.service"))))
    };
    // In turn, so that both kinds are within the budgets.
    for program in 0..CLIENTS.max(SERVERS) {
        listens(&mut table, CLIENTS + program);
        connects(&mut table, program);
        let named = [program, CLIENTS + program]
            .map(|program| (Key::Cgroup(cgroup(program)), workload(program)));
        table.tell_workloads(named, Nanos::from_secs(1));
    }
    for port in 0..PORTS {
        table.synack_retransmit(&Retransmit {
            kind: 4,
            ends: ends(1, 0, 1000 + port, 0),
            segments: 1,
            ..Retransmit::default()
        });
    }
    for row in 0..rows {
        let at = ends((1 << 32) + u64::from(row), row % CLIENTS, 32_768, 443);
        table.transition(&owned(
            row % CLIENTS,
            at,
            tcp::CLOSE,
            tcp::SYN_SENT,
            2 * SECOND + u64::from(row),
        ));
        table.transition(&owned(
            row % CLIENTS,
            at,
            tcp::SYN_SENT,
            tcp::ESTABLISHED,
            3 * SECOND + u64::from(row),
        ));
    }
    pass(&mut table);
    table
}

/// A program's connection that is over, and one that stays and waits to be closed.
fn connects(table: &mut Table, program: u32) {
    for (number, over) in [(0, true), (1, false)] {
        let at = ends(u64::from(program) * 8 + number, program, 40_000, 5000 + low(program));
        table.transition(&owned(program, at, tcp::CLOSE, tcp::SYN_SENT, SECOND));
        table.transition(&owned(program, at, tcp::SYN_SENT, tcp::ESTABLISHED, SECOND + 70_000));
        lives(table, program, at, over);
    }
}

/// Two listeners of a program, and a connection of each.
fn listens(table: &mut Table, program: u32) {
    for number in [0, 1] {
        let sk = (1 << 24) + u64::from(program) * 8 + number * 4;
        let port = 2000 + low(program) * 2 + u16::from(number > 0);
        table.transition(&owned(
            program,
            ends(sk, program, port, 0),
            tcp::CLOSE,
            tcp::LISTEN,
            SECOND,
        ));
        let child = ends(sk + 1, program, port, 50_000);
        table.transition(&by_nobody(child, tcp::LISTEN, tcp::SYN_RECV, SECOND));
        table.transition(&by_nobody(child, tcp::SYN_RECV, tcp::ESTABLISHED, SECOND + 90_000));
        lives(table, program, child, number == 0);
    }
}

/// What a connection does once it is established.
fn lives(table: &mut Table, program: u32, at: Endpoints, over: bool) {
    table.retransmit(&Retransmit {
        kind: 3,
        state: tcp::ESTABLISHED,
        ends: at,
        segments: 1,
        ..Retransmit::default()
    });
    table.transition(&by_nobody(at, tcp::ESTABLISHED, tcp::CLOSE_WAIT, 20 * SECOND));
    if over {
        table.transition(&owned(program, at, tcp::CLOSE_WAIT, tcp::LAST_ACK, 21 * SECOND));
        let state = State { kind: 2, ..by_nobody(at, tcp::LAST_ACK, tcp::CLOSE, 22 * SECOND) };
        let bytes = u64::from(program) * 997;
        table.close(&Close {
            state,
            bytes_sent: bytes,
            bytes_received: bytes * 31,
            srtt_us: 90 + program,
            retransmitted: 1,
        });
    }
}

/// A pass that finds every row, and what only a pass tells.
fn pass(table: &mut Table) {
    let now = 100 * SECOND;
    table.begin_pass(Nanos::new(now));
    for place in 0..NAMESPACES {
        let (netns, counters) = (NETNS + place, Some([1, 2, 3000]));
        table.pass_facts(Facts { netns, tw_reuse: Some(2), counters, ..Facts::default() });
        let at = Endpoints { netns, ..ends((1 << 40) + u64::from(place), 0, 40_000, 443) };
        table.pass_socket(&Socket {
            kind: 5,
            state: tcp::TIME_WAIT,
            substate: 6,
            time: now,
            ends: at,
            ..Socket::default()
        });
    }
    let rows: Vec<_> = table.view().rows().collect();
    for row in &rows {
        let at = Endpoints {
            sk: row.sk,
            netns: row.netns,
            cgroup: row.cgroup,
            local: home(),
            peer: home(),
            local_port: row.local_port,
            peer_port: row.peer_port,
        };
        let state = match row.state {
            SocketState::Listen => tcp::LISTEN,
            SocketState::CloseWait => tcp::CLOSE_WAIT,
            _ => tcp::ESTABLISHED,
        };
        let flags = flag::ATTACHED;
        table.pass_socket(&Socket {
            kind: 5,
            state,
            flags,
            time: now,
            ends: at,
            receive_queue: 100,
            send_queue: 128,
            ..Socket::default()
        });
    }
    table.end_pass(Nanos::new(now + SECOND), &covered());
    let descriptors = (0..CLIENTS + SERVERS).map(|program| Descriptors {
        tgid: tgid(program),
        open: u64::from(program),
        limit: 1024,
    });
    table.take_readings(Host::default(), descriptors);
}

fn covered() -> Covered {
    Covered {
        namespaces: (0..NAMESPACES).map(|netns| NETNS + netns).collect(),
        ..Covered::default()
    }
}

fn owned(program: u32, ends: Endpoints, old: u8, new: u8, time: u64) -> State {
    let mut comm = [0; 16];
    comm.iter_mut().zip(format!("worker-{program}").bytes()).for_each(|(to, from)| *to = from);
    State { flags: flag::LOCKED, tgid: tgid(program), comm, ..by_nobody(ends, old, new, time) }
}

fn by_nobody(ends: Endpoints, old: u8, new: u8, time: u64) -> State {
    State { kind: 1, old, new, time, ends, ..State::default() }
}

fn ends(sk: u64, program: u32, local_port: u16, peer_port: u16) -> Endpoints {
    Endpoints {
        sk,
        cgroup: cgroup(program),
        local: home(),
        peer: home(),
        netns: NETNS,
        local_port,
        peer_port,
    }
}

/// 127.0.0.1.
const fn home() -> [u64; 2] {
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 127, 0, 0, 1])]
}

fn cgroup(program: u32) -> u64 {
    1000 + u64::from(program)
}

/// No process has such an id, the kernel's are below 4,194,304 (`PID_MAX_LIMIT`): nothing is read
/// of it in `/proc`.
const fn tgid(program: u32) -> u32 {
    5_000_000 + program
}

fn low(program: u32) -> u16 {
    u16::try_from(program).unwrap_or_default()
}
