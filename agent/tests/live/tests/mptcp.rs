//! Multipath TCP: whose the subflows are, and that none of them waits to be accepted once it was.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles::TEST_NAME;

/// The tests of this file.
pub(super) const TESTS: &[Test] =
    &[("portable::mptcp::clients_of_both_kinds_are_accepted_and_have_an_owner", accepted)];

/// Clients of each kind.
const COUNT: usize = 10;
/// Longer than a connection may wait before it counts as not accepted.
const LONG: Duration = Duration::from_secs(12);

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

fn accepted() {
    if !Path::new("/proc/sys/net/mptcp/enabled").exists() {
        eprintln!("this kernel was built without MPTCP (CONFIG_MPTCP): nothing to look at");
        return;
    }
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    // A second address of the client: each MPTCP connection gets a second subflow, which joins.
    netns.run("ip mptcp limits set subflow 2 add_addr_accepted 2").expect("allow subflows");
    netns.run("ip mptcp endpoint add 127.0.0.2 dev lo id 5 subflow").expect("a second address");
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
