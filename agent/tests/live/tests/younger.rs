//! An agent that is younger than the connections: it knows their sides, their service and their
//! age, and makes no label of a port that a client was given.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::workload::{Site, expect_end};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::younger::sides_and_services_are_known_towards_a_port_of_the_clients_range", sides),
    ("portable::younger::ages_survive_the_agent", ages),
];

/// The process whose connections are older than the agent.
const CLIENT: &str = "live-older";
/// The first port that the kernel gives to clients.
const FIRST_EPHEMERAL: u16 = 32_768;
/// Connections of each kind.
const COUNT: usize = 20;

/// A listener at a port that the kernel chose, which lies among those of clients.
fn site() -> Site {
    let site = Site::open(Ipv4Addr::LOCALHOST.into());
    assert!(site.address.port() >= FIRST_EPHEMERAL, "{} is no such port", site.address);
    site
}

/// A client whose port `bind` chose before it connected.
fn bound(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bind");
    socket.connect(&address.into()).expect("connect");
    socket.into()
}

/// Has the client ask a byte and the server answer two.
fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"q").and_then(|()| server.read_exact(&mut [0])).expect("ask");
    server.write_all(b"an").and_then(|()| client.read_exact(&mut [0; 2])).expect("answer");
}

/// How many rows have each role and service port.
fn sorted(rows: &[Value]) -> Vec<(String, u64, usize)> {
    let of = |row: &Value| {
        let role = row["role"].as_str().expect("a role").to_owned();
        (role, row["service_port"].as_u64().expect("a port"))
    };
    let kinds: BTreeSet<_> = rows.iter().map(of).collect();
    let count = |kind: &(String, u64)| rows.iter().filter(|row| of(row) == *kind).count();
    kinds.into_iter().map(|kind| (kind.0.clone(), kind.1, count(&kind))).collect()
}

fn sides() {
    let netns = Netns::new();
    let (listening, gone) = netns.enter(|| (site(), site()));
    let ports = [listening.address.port(), gone.address.port()];
    let client = |site: &Site| {
        let family = roles::start(&netns, &format!("connect {} {COUNT}", site.address), CLIENT);
        let servers: Vec<_> = (0..COUNT).map(|_| site.accept()).collect();
        roles::ready(&family, 1);
        (family, servers)
    };
    let families = [client(&listening), client(&gone)];
    // Only what was acknowledged tells the sides of these: their listener has gone, and `bind`
    // chose all their ports.
    let pair = || (bound(gone.address), gone.accept());
    let mut pairs = netns.enter(|| (0..2 * COUNT).map(|_| pair()).collect::<Vec<_>>());
    drop(gone);
    for (client, server) in pairs.iter_mut().skip(COUNT / 2) {
        exchange(client, server);
    }
    for (client, server) in pairs.iter_mut().skip(COUNT) {
        client.shutdown(Shutdown::Write).expect("half-close");
        expect_end(server);
    }

    let agent = Agent::start(&[]);
    let rows = |process: &str, states: &str| {
        let query = format!("netns={}&state={states}&process={process}", netns.inode);
        sorted(&listing::rows(&agent, &query))
    };
    let [here, away] = ports.map(u64::from);
    let all = |some: &[(&str, u64, usize)]| {
        let mut all: Vec<_> = some.iter().map(|one| (one.0.to_owned(), one.1, one.2)).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(
        rows(CLIENT, "established"),
        all(&[("client", here, COUNT), ("client", away, COUNT)]),
        "role, service port and count of the clients' ends"
    );
    assert_eq!(
        rows(TEST_NAME, "established"),
        all(&[("client", away, COUNT), ("server", here, COUNT), ("server", away, 2 * COUNT)]),
        "role, service port and count of the ends of the process that listened"
    );
    for (state, role) in [("fin_wait2", "client"), ("close_wait", "server")] {
        assert_eq!(rows(TEST_NAME, state), all(&[(role, away, COUNT)]), "in {state}");
    }
    drop((families, pairs, listening));
    wait_for("all to be closed", PATIENCE, || {
        let left = listing::rows(&agent, &format!("netns={}&state=established", netns.inode));
        left.is_empty().then_some(())
    });
    assert_eq!(
        labels(&agent),
        BTreeSet::from(ports),
        "ports of clients that became labels, and services"
    );
}

/// The ports of the clients' range that are labels of the processes of this file.
fn labels(agent: &Agent) -> BTreeSet<u16> {
    let page = agent.scrape();
    let of_ours = |line: &&str| {
        [CLIENT, TEST_NAME].iter().any(|name| line.contains(&format!("process=\"{name}\"")))
    };
    page.text
        .lines()
        .filter(of_ours)
        .filter_map(|line| line.split_once("port=\"")?.1.split_once('"')?.0.parse().ok())
        .filter(|port| *port >= FIRST_EPHEMERAL)
        .collect()
}

/// Connections that idle: some are open, of others one side has closed its half.
struct Idle {
    _site: Site,
    _open: Vec<(TcpStream, TcpStream)>,
    _half: Vec<(TcpStream, TcpStream)>,
    born: (Instant, Instant),
    closed: (Instant, Instant),
}

/// How long connections idle before their peers close, and before the second agent starts.
const OPEN: Duration = Duration::from_secs(8);
const CLOSED: Duration = Duration::from_secs(24);

fn idle() -> Idle {
    let (site, start) = (Site::open(Ipv4Addr::LOCALHOST.into()), Instant::now());
    let used = |_| {
        let (mut client, mut server) = site.pair();
        exchange(&mut client, &mut server);
        (client, server)
    };
    let open: Vec<_> = (0..COUNT).map(used).collect();
    let half: Vec<_> = (0..COUNT).map(used).collect();
    let born = (start, Instant::now());
    std::thread::sleep(OPEN);
    let start = Instant::now();
    for (client, server) in &half {
        client.shutdown(Shutdown::Write).expect("half-close");
        expect_end(server);
    }
    let closed = (start, Instant::now());
    Idle { _site: site, _open: open, _half: half, born, closed }
}

fn ages() {
    let (netns, first) = (Netns::new(), Agent::start(&[]));
    let idle = netns.enter(idle);
    std::thread::sleep(CLOSED);
    let seen = listing::rows(&first, &format!("netns={}&state=close_wait", netns.inode));
    assert_eq!(seen.len(), COUNT, "the first agent sees what is left open");
    drop(first);
    let agent = Agent::start(&[]);
    for (state, count, since) in [
        ("established", 2 * COUNT, idle.born),
        ("close_wait", COUNT, idle.closed),
        ("fin_wait2", COUNT, idle.closed),
    ] {
        let rows = listing::rows(&agent, &format!("netns={}&state={state}", netns.inode));
        assert_eq!(rows.len(), count, "rows in {state}");
        for row in &rows {
            let wrong = [("age", since), ("connection_age", idle.born)]
                .into_iter()
                .find(|(age, since)| !is_bound(row, age, *since));
            assert_eq!(wrong, None, "an age of {row}");
        }
    }
    let labels = [("process", TEST_NAME), ("state", "close_wait")];
    let oldest = agent.scrape().value("connections_oldest_state_age_seconds", &labels);
    assert!(
        oldest.is_some_and(|age| age >= 0.95 * CLOSED.as_secs_f64()),
        "the oldest in close_wait is {oldest:?} s old"
    );
}

/// Whether an age is a lower bound, marked as such, and nearly the truth, which lies between two
/// moments.
fn is_bound(row: &Value, age: &str, since: (Instant, Instant)) -> bool {
    let seconds = row[format!("{age}_seconds")].as_f64().expect("an age");
    let [most, least] = [since.0, since.1].map(|moment| moment.elapsed().as_secs_f64());
    // The answer was made up to a moment ago, and the kernel's times are jiffies.
    row[format!("{age}_at_least")] == true && (0.95 * least..most + 0.1).contains(&seconds)
}
