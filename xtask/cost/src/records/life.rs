//! Made-up life cycles of sockets, the same in every run: what a busy host's probes and lists would
//! tell.
//!
//! Used by the counted work, the micro-benchmarks and the allocation tests. Guarantees: no
//! randomness but a fixed sequence, so that two runs apply the very same records; after each round
//! every connection has closed, so that a round can be applied again and again to one table.

use agent_common::record::{
    Activity, Close, Endpoints, Holder, Retransmit, Socket, State, flag, kind, known,
};
use agent_common::tcp::{
    CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT,
};
use tcpwarden::ingest::decode::Record;

/// The network namespace of all of them.
pub const NETNS: u32 = 4_026_531_840;
/// Client and server processes; each server has a port of its own.
const PROCESSES: u32 = 8;
/// Connections that live at the same time while a round is applied.
const ABREAST: u64 = 64;
/// Where the addresses of sockets of the storm begin, of those that live on, and of listeners.
const STORM: u64 = 0xffff_8880_0000_0000;
const CROWD: u64 = 0xffff_8900_0000_0000;
const LISTENERS: u64 = 0xffff_8a00_0000_0000;
/// Bytes between two sockets of the kernel's slab.
const SOCKET: u64 = 2432;

/// How a connection lives.
#[derive(Clone, Copy)]
enum Life {
    /// Opened, and closed by the client first; both ends are on this host: ten transitions.
    Short,
    /// The same, and segments are retransmitted.
    Lossy,
    /// Nobody listens: two transitions.
    Refused,
    /// The server resets it.
    Reset,
}

/// One round: `connections` lives, some dozens of them at a time, in the order of time from `start`
/// on.
#[must_use]
pub fn round(connections: u64, start: u64) -> Vec<Record> {
    let mut records = Vec::new();
    let mut time = start;
    for batch in 0..connections.div_ceil(ABREAST) {
        let lives: Vec<_> = (0..ABREAST.min(connections - batch * ABREAST))
            .map(|at| steps(batch * ABREAST + at, at))
            .collect();
        let longest = lives.iter().map(Vec::len).max().unwrap_or(0);
        for step in 0..longest {
            for record in lives.iter().filter_map(|life| life.get(step)) {
                time += 1000;
                records.push(at(record, time));
            }
        }
    }
    records
}

/// The listeners behind the connections of [`round`].
#[must_use]
pub fn listeners(start: u64) -> Vec<Record> {
    let listen = |server: u32| {
        let ends = Endpoints {
            sk: LISTENERS + u64::from(server) * SOCKET,
            local_port: port(server),
            cgroup: 100 + u64::from(server),
            netns: NETNS,
            local: address(0),
            ..Endpoints::default()
        };
        Record::State(owned(step(ends, CLOSE, LISTEN), server, b"server"))
    };
    (0..PROCESSES).map(|server| at(&listen(server), start)).collect()
}

/// The socket list of `rows` connections that live on, and the listeners, as one reading at `time`
/// gives it.
pub fn list(rows: u64, time: u64) -> impl Iterator<Item = Record> {
    let entry = move |number: u64| {
        Record::Socket(Socket {
            kind: kind::SOCKET,
            state: if number.is_multiple_of(10) { CLOSE_WAIT } else { ESTABLISHED },
            flags: flag::ATTACHED,
            time: time + number,
            receive_queue: 1,
            ends: Endpoints { sk: CROWD + number * SOCKET, ..ends(number, true) },
            activity: Activity {
                bytes_received: number * 1000,
                bytes_sent: number * 300,
                sent_ago: 250,
                received_ago: 260,
                acked_ago: 255,
                known: known::TIMES | known::UNACKNOWLEDGED | known::BYTES | known::KEEPALIVE,
                ..Activity::default()
            },
            ..Socket::default()
        })
    };
    (0..rows).map(entry)
}

/// The descriptors behind [`list`]: `processes` of one name, in turn.
pub fn holders(rows: u64, processes: u32) -> impl Iterator<Item = Record> {
    let each = rows.div_ceil(u64::from(processes));
    (0..rows).map(move |number| {
        let tgid = 5000 + u32::try_from(number / each).unwrap_or(0);
        Record::Holder(Holder {
            kind: kind::HOLDER,
            tgid,
            sk: CROWD + number * SOCKET,
            comm: comm(b"crowd"),
            ..Holder::default()
        })
    })
}

fn steps(number: u64, place: u64) -> Vec<Record> {
    let life = match number % 16 {
        3 => Life::Refused,
        7 => Life::Reset,
        11 => Life::Lossy,
        _ => Life::Short,
    };
    let client = Endpoints { sk: STORM + 2 * place * SOCKET, ..ends(number, false) };
    let server = Endpoints { sk: STORM + (2 * place + 1) * SOCKET, ..ends(number, true) };
    let process = u32::try_from(number).unwrap_or(0) % PROCESSES;
    let by_client = |old, new| Record::State(owned(step(client, old, new), process, b"client"));
    let by_server = |old, new| Record::State(owned(step(server, old, new), process, b"server"));
    let told = |ends, old, new| Record::State(step(ends, old, new));
    let open = [
        Record::State(owned(
            step(Endpoints { local_port: 0, ..client }, CLOSE, SYN_SENT),
            process,
            b"client",
        )),
        told(server, LISTEN, SYN_RECV),
        by_client(SYN_SENT, ESTABLISHED),
        told(server, SYN_RECV, ESTABLISHED),
    ];
    let resent = Record::Retransmit(Retransmit {
        kind: kind::RETRANSMIT,
        state: ESTABLISHED,
        ca_state: 3,
        ends: client,
        segments: 2,
        ..Retransmit::default()
    });
    let part = [
        by_client(ESTABLISHED, FIN_WAIT1),
        told(server, ESTABLISHED, CLOSE_WAIT),
        told(client, FIN_WAIT1, FIN_WAIT2),
        by_server(CLOSE_WAIT, LAST_ACK),
        closed(step(client, FIN_WAIT2, CLOSE)),
        closed(step(server, LAST_ACK, CLOSE)),
    ];
    let failing = |state: State, err| closed(State { err, ..state });
    match life {
        Life::Short => open.into_iter().chain(part).collect(),
        Life::Lossy => open.into_iter().chain([resent, resent]).chain(part).collect(),
        Life::Refused => {
            vec![open[0], failing(owned(step(client, SYN_SENT, CLOSE), process, b"client"), 111)]
        }
        Life::Reset => {
            let ends = [
                closed(owned(step(server, ESTABLISHED, CLOSE), process, b"server")),
                failing(step(client, ESTABLISHED, CLOSE), 104),
            ];
            open.into_iter().chain(ends).collect()
        }
    }
}

fn ends(number: u64, server: bool) -> Endpoints {
    let process = u32::try_from(number % u64::from(PROCESSES)).unwrap_or(0);
    let ephemeral = 32_768 + u16::try_from(number / u64::from(PROCESSES) % 28_000).unwrap_or(0);
    let peer = u32::try_from(number / 1_000_000).unwrap_or(0);
    let (local_port, peer_port) =
        if server { (port(process), ephemeral) } else { (ephemeral, port(process)) };
    let cgroup = if server { 100 } else { 200 } + u64::from(process);
    Endpoints {
        sk: 0,
        cgroup,
        local: address(1),
        peer: address(1 + peer),
        netns: NETNS,
        local_port,
        peer_port,
    }
}

fn port(process: u32) -> u16 {
    8000 + u16::try_from(process % PROCESSES).unwrap_or(0)
}

/// `127.0.0.last` (or the wildcard), v4-mapped, in network order in memory.
fn address(last: u32) -> [u64; 2] {
    let [b, c, d] = [(last >> 16) & 255, (last >> 8) & 255, last & 255]
        .map(|byte| u8::try_from(byte).unwrap_or(0));
    let first = if last == 0 { 0 } else { 127 };
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, first, b, c, d])]
}

fn step(ends: Endpoints, old: u8, new: u8) -> State {
    State {
        kind: if new == CLOSE { kind::CLOSE } else { kind::STATE },
        old,
        new,
        family: 2,
        ends,
        flags: flag::ATTACHED,
        ..State::default()
    }
}

fn owned(state: State, process: u32, name: &[u8]) -> State {
    let (tgid, mut comm) = (1000 + process + 100 * u32::from(name[0]), comm(name));
    comm[name.len()] = b'0' + u8::try_from(process % PROCESSES).unwrap_or(0);
    State { flags: state.flags | flag::LOCKED, tgid, comm, ..state }
}

fn closed(state: State) -> Record {
    Record::Close(Close {
        state,
        bytes_sent: 1234,
        bytes_received: 567,
        srtt_us: 40,
        retransmitted: 0,
    })
}

fn comm(name: &[u8]) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name);
    padded
}

/// The same record at another time.
#[must_use]
pub fn at(record: &Record, time: u64) -> Record {
    match *record {
        Record::State(state) => Record::State(State { time, ..state }),
        Record::Close(close) => {
            Record::Close(Close { state: State { time, ..close.state }, ..close })
        }
        Record::Retransmit(resent) => Record::Retransmit(Retransmit { time, ..resent }),
        Record::SynAck(resent) => Record::SynAck(Retransmit { time, ..resent }),
        other => other,
    }
}

/// The unit that a control group of these stands for.
#[must_use]
pub fn unit(cgroup: u64) -> std::sync::Arc<tcpwarden::workload::Workload> {
    let name = format!("unit-{cgroup}.service");
    std::sync::Arc::new(tcpwarden::workload::Workload {
        name: name.as_str().into(),
        kind: tcpwarden::workload::Kind::Unit,
        ..tcpwarden::workload::Workload::host()
    })
}
