//! Multipath TCP: whose the subflows are, that none of them waits to be accepted once it was, and
//! that a process which never closes is named, although TCP's own state does not tell.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Test, drilldown};
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, kernel, listing, wait_for};
use crate::roles::{self, TEST_NAME};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::mptcp::clients_of_both_kinds_are_accepted_and_have_an_owner", accepted),
    ("portable::mptcp::a_server_that_never_closes_is_named_by_the_state_of_mptcp", never_closed),
];

/// Clients of each kind.
const COUNT: usize = 10;
/// Longer than a connection may wait before it counts as not accepted.
const LONG: Duration = Duration::from_secs(12);
/// The name of the server that never closes.
const SERVER: &str = "live-multipath";

/// Speaks plain TCP, or MPTCP.
fn socket(protocol: Protocol) -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, Some(protocol)).expect("make a socket")
}

fn listen() -> (TcpListener, SocketAddr) {
    let socket = socket(Protocol::MPTCP);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).and_then(|()| socket.listen(128)).expect("listen");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

/// A client of either kind.
pub(super) fn connect(address: SocketAddr, protocol: Protocol) -> TcpStream {
    let socket = socket(protocol);
    socket.connect(&address.into()).expect("connect");
    socket.into()
}

/// Both sides of each connection hear of the other: only then may subflows join.
fn exchange<'a>(pairs: impl Iterator<Item = (&'a TcpStream, &'a TcpStream)>) {
    for (mut client, mut server) in pairs {
        let mut byte = [0];
        client.write_all(b"x").and_then(|()| server.read_exact(&mut byte)).expect("ask");
        server.write_all(b"y").and_then(|()| client.read_exact(&mut byte)).expect("answer");
    }
}

fn is_there() -> bool {
    let is_there = Path::new("/proc/sys/net/mptcp/enabled").exists();
    if !is_there {
        eprintln!("this kernel was built without MPTCP (CONFIG_MPTCP): nothing to look at");
    }
    is_there
}

/// A second address of the client: each MPTCP connection gets a second subflow, which joins.
fn with_second_address() -> Netns {
    let netns = Netns::new();
    netns.run("ip mptcp limits set subflow 2 add_addr_accepted 2").expect("allow subflows");
    netns.run("ip mptcp endpoint add 127.0.0.2 dev lo id 5 subflow").expect("a second address");
    netns
}

fn accepted() {
    if !is_there() {
        return;
    }
    let (netns, agent) = (with_second_address(), Agent::start(&[]));
    for protocol in [Protocol::TCP, Protocol::MPTCP] {
        let (name, subflows) =
            if protocol == Protocol::TCP { ("plain", 1) } else { ("multipath", 2) };
        let (listener, address) = netns.enter(listen);
        let clients: Vec<_> =
            netns.enter(|| (0..COUNT).map(|_| connect(address, protocol)).collect());
        let servers: Vec<_> = (0..COUNT).map(|_| listener.accept().expect("accept").0).collect();
        exchange(clients.iter().zip(&servers));
        let since = Instant::now();
        let query = format!("netns={}&port={}&state=established", netns.inode, address.port());
        let known = |rows: &[Value]| {
            rows.len() == 2 * COUNT * subflows
                && rows.iter().all(|row| {
                    row["process"] == TEST_NAME
                        && row["pid"] == std::process::id()
                        && row["stage"] == Value::Null
                        && row["service_port"] == address.port()
                })
        };
        let mut rows = Vec::new();
        let found = testkit::wait::poll(PATIENCE, || {
            rows = listing::rows(&agent, &query);
            (since.elapsed() >= LONG && known(&rows)).then_some(())
        });
        assert!(found.is_some(), "{name}: not all are accepted and owned: {rows:#?}");
        let role = |wanted: &str| rows.iter().filter(|row| row["role"] == wanted).count();
        let each = COUNT * subflows;
        assert_eq!((role("client"), role("server")), (each, each), "{name}: roles");
        let port = address.port().to_string();
        let labels = [("process", TEST_NAME), ("port", port.as_str())];
        assert_eq!(agent.scrape().sum("listen_unaccepted_connections", &labels), 0, "{name}");
        // What nobody accepts is seen here too.
        let waiting: Vec<_> = netns.enter(|| (0..3).map(|_| connect(address, protocol)).collect());
        wait_for("connections that are not accepted", PATIENCE, || {
            (agent.scrape().sum("listen_unaccepted_connections", &labels) == 3).then_some(())
        });
        drop((waiting, clients, servers));
    }
}

/// The connections of a server, each with two subflows, and of its twins of plain TCP.
struct Closed<'a> {
    agent: &'a Agent,
    netns: u32,
    port: u16,
    pid: u32,
}

impl Closed<'_> {
    /// The rows of one side whose MPTCP connection is in a state.
    fn rows(&self, role: &str, query: &str) -> Vec<Value> {
        let Self { netns, port, .. } = self;
        listing::rows(self.agent, &format!("netns={netns}&port={port}&role={role}&{query}"))
    }

    /// Waits until the server has so many rows in a state of MPTCP; all are its own.
    fn server(&self, state: &str) {
        let query = format!("mptcp_state={state}");
        let known = |row: &Value| {
            row["state"] == "established"
                && row["process"] == SERVER
                && row["pid"] == self.pid
                && row["mptcp_state"] == state
                && row["mptcp_state_seconds"].is_f64()
        };
        let mut rows = Vec::new();
        let found = testkit::wait::poll(PATIENCE, || {
            rows = self.rows("server", &query);
            (rows.len() == 2 * COUNT && rows.iter().all(known)).then_some(())
        });
        assert!(found.is_some(), "not all of the server are in {state}: {rows:#?}");
    }

    /// Waits until the client has so many rows in a state of MPTCP.
    fn client(&self, state: &str) {
        if kernel::version() == (5, 10) {
            eprintln!("5.10 has a socket of its own for each subflow of a client: not looked at");
            return;
        }
        let query = format!("mptcp_state={state}");
        wait_for(&format!("the client in {state}"), PATIENCE, || {
            (self.rows("client", &query).len() == 2 * COUNT).then_some(())
        });
    }

    /// Asserts that no row of plain TCP in this state has one of MPTCP.
    fn twins(&self, state: &str) {
        let twins = wait_for("the twins of plain TCP", PATIENCE, || {
            let mut rows = self.rows("server", &format!("state={state}"));
            rows.retain(|row| row["mptcp_state"] == Value::Null);
            (rows.len() == COUNT).then_some(rows)
        });
        for twin in twins {
            assert_eq!(twin["mptcp_state_seconds"], Value::Null, "{twin}");
            assert_eq!(twin["pid"], self.pid, "{twin}");
        }
    }

    fn suspects(&self) -> Vec<Value> {
        let (status, body) = self.agent.get(&format!("/api/v1/leaks?process={SERVER}"));
        assert_eq!(status, 200, "the status of /api/v1/leaks, with {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        answer["suspects"].as_array().expect("a list of suspects").clone()
    }

    /// Waits until both kinds of connections are suspects, and nothing else of the server is.
    fn named(&self) {
        let suspects = wait_for("two suspects", PATIENCE, || {
            let suspects = self.suspects();
            (suspects.len() == 2).then_some(suspects)
        });
        for (kind, state) in [("mptcp_close_wait", "established"), ("never_closed", "close_wait")] {
            let found = suspects.iter().find(|suspect| suspect["kind"] == kind);
            let found = found.unwrap_or_else(|| panic!("no {kind}: {suspects:#?}"));
            assert_eq!(found["connections"], COUNT, "each counts once: {found}");
            assert_eq!(found["pids"], serde_json::json!([{"pid": self.pid, "connections": COUNT}]));
            let told = [&found["state"], &found["role"], &found["runbook"]];
            assert_eq!(told, [state, "server", "TcpCloseWaitStuck"], "{found}");
            assert_eq!(found["service_port"], self.port, "{found}");
        }
        let sentence = format!(
            "process {SERVER} (pid {}) holds {COUNT} MPTCP connections on its port {} whose peer \
             has closed, never closed, the oldest at least ",
            self.pid, self.port
        );
        let says = |suspect: &Value| {
            suspect["sentence"].as_str().is_some_and(|text| text.contains(&sentence))
        };
        assert!(suspects.iter().any(says), "no {sentence:?} in {suspects:#?}");
        let port = self.port.to_string();
        let words = ["connections", "--mptcp-state", "close_wait", "--port", &port];
        let (code, text) = drilldown::run(self.agent, &words);
        let lines = text.lines().filter(|line| line.contains("established (mptcp close_wait)"));
        assert_eq!((code, lines.count()), (Some(0), 2 * COUNT), "{text}");
    }
}

/// A DATA_FIN closes the MPTCP connection, and its subflows stay established.
fn never_closed() {
    if !is_there() {
        return;
    }
    let (netns, agent) = (with_second_address(), Agent::start(&[]));
    let server = roles::start(&netns, "multipath", SERVER);
    let address: SocketAddr = roles::line(&server).parse().expect("an address");
    roles::ready(&server, 1);
    let clients: Vec<_> = netns.enter(|| {
        let protocols = [Protocol::TCP, Protocol::MPTCP].into_iter();
        protocols.flat_map(|one| (0..COUNT).map(move |_| connect(address, one))).collect()
    });
    for mut client in &clients {
        client.write_all(b"x").and_then(|()| client.read_exact(&mut [0])).expect("an answer");
    }
    let (port, pid) = (address.port(), server.id());
    let closed = Closed { agent: &agent, netns: netns.inode, port, pid };
    closed.server("established");
    closed.client("established");
    closed.twins("established");
    for client in &clients {
        client.shutdown(Shutdown::Write).expect("shut down");
    }
    closed.server("close_wait");
    closed.client("fin_wait2");
    closed.twins("close_wait");
    closed.named();
    drop(server);
    wait_for("what was closed to be gone", PATIENCE, || {
        let left = closed.rows("server", "mptcp_state=close_wait");
        (left.is_empty() && closed.suspects().is_empty()).then_some(())
    });
    drop(clients);
}
