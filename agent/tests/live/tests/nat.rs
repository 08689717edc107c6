//! Addresses on the other side of NAT: service addresses and masquerades of nftables, as the
//! drill-down shows them, and the processes at both ends.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use testkit::process::Process;

use super::Test;
use super::errors::finish;
use crate::harness::agent::{Agent, binary};
use crate::harness::netns::{Netns, run};
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::nat::a_service_address_and_its_backend_are_shown_and_both_ends_linked", own),
    ("host::nat::the_agents_own_namespace_translates_for_others", middle),
    ("host::nat::without_its_capability_no_address_is_looked_up_and_check_says_so", forbidden),
];

/// The names of the processes at the two ends.
const CLIENT: &str = "nat-client";
const BACKEND: &str = "nat-backend";

/// A connection through NAT, and the processes that hold it.
struct Connected {
    backend: Process,
    client: Process,
    /// Where the backend listens.
    behind: SocketAddr,
}

impl Connected {
    /// Starts a backend, has rules made for it, and connects a client to a service address.
    fn make(
        backend: &Netns,
        listen: &str,
        client: &Netns,
        service: &str,
        rules: impl FnOnce(u16),
    ) -> Self {
        let backend = roles::start(backend, &format!("listen {listen} 1"), BACKEND);
        let behind: SocketAddr = roles::line(&backend).parse().expect("an address");
        rules(behind.port());
        let client = roles::start(client, &format!("connect {service} 1"), CLIENT);
        roles::ready(&client, 1);
        roles::ready(&backend, 1);
        Self { backend, client, behind }
    }

    /// The row of the client and that of the backend, as soon as both have their owners.
    fn rows(&self, agent: &Agent) -> [Value; 2] {
        let row = |process: &Process| {
            let query = format!("state=established&pid={}", process.id());
            let mut rows = listing::rows(agent, &query);
            (rows.len() == 1).then(|| rows.remove(0))
        };
        wait_for("the rows of both ends", PATIENCE, || {
            Some([row(&self.client)?, row(&self.backend)?])
        })
    }

    /// Both rows name the process at the other end.
    fn linked(&self, [client, backend]: &[Value; 2]) {
        let peer = |row: &Value| (row["peer_process"].clone(), row["peer_pid"].clone());
        assert_eq!(peer(client), (BACKEND.into(), self.backend.id().into()), "of {client}");
        assert_eq!(peer(backend), (CLIENT.into(), self.client.id().into()), "of {backend}");
    }
}

/// The end of a row that stands in these two fields; `None` if both are null.
fn end(row: &Value, what: &str) -> Option<SocketAddr> {
    let (address, port) = (&row[format!("{what}_address")], &row[format!("{what}_port")]);
    if address.is_null() && port.is_null() {
        assert!(row.get(format!("{what}_address")).is_some(), "no field for {what} in {row}");
        return None;
    }
    let address = address.as_str().and_then(|text| text.parse().ok());
    let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
    let (Some(address), Some(port)) = (address, port) else {
        panic!("half an end for {what} in {row}")
    };
    Some(SocketAddr::new(address, port))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// One namespace with a service address of each family, whose backend is in it too.
fn local() -> Netns {
    let netns = Netns::new();
    netns.run("ip addr add 10.77.0.1/32 dev lo").expect("an address");
    netns.run("ip route add 10.96.0.0/16 dev lo src 10.77.0.1").expect("a route");
    netns.run("ip -6 addr add fd77::1/128 dev lo nodad").expect("an address");
    netns.run("ip -6 route add fd96::/64 dev lo src fd77::1").expect("a route");
    netns
}

/// Rules that send a service address to a port of the namespace itself.
fn serve(netns: &Netns, port: u16) {
    netns.filter(&format!(
        "table ip nat {{\n chain output {{\n type nat hook output priority -100\n\
         ip daddr 10.96.0.10 tcp dport 80 dnat to 10.77.0.1:{port}\n }}\n }}\n\
         table ip6 nat {{\n chain output {{\n type nat hook output priority -100\n\
         ip6 daddr fd96::10 tcp dport 80 dnat to [fd77::1]:{port}\n }}\n }}"
    ));
}

/// The rules are in the namespace of the sockets. The backend has an IPv6 socket, so its IPv4
/// connection has v4-mapped addresses.
fn own() {
    let agent = Agent::start(&[]);
    for (service, host) in [("10.96.0.10:80", "10.77.0.1"), ("[fd96::10]:80", "[fd77::1]")] {
        let netns = local();
        let made = Connected::make(&netns, "[::]:0", &netns, service, |port| serve(&netns, port));
        let rows = made.rows(&agent);
        let [client, backend] = &rows;
        let behind = address(&format!("{host}:{}", made.behind.port()));
        assert_eq!(end(client, "peer"), Some(address(service)), "what it dialled: {client}");
        assert_eq!(end(client, "nat_peer"), Some(behind), "who answers: {client}");
        assert_eq!(end(client, "nat_local"), None, "it is seen as it is: {client}");
        assert_eq!(end(backend, "local"), Some(behind), "where it listens: {backend}");
        assert_eq!(end(backend, "nat_local"), Some(address(service)), "as what: {backend}");
        assert_eq!(end(backend, "nat_peer"), None, "its client is who it seems: {backend}");
        assert_eq!(end(backend, "peer"), end(client, "local"), "that client: {rows:?}");
        made.linked(&rows);

        let text = Command::new(binary())
            .args(["connections", "--process", "nat-*", "--agent", &agent.address()])
            .output()
            .expect("run the program");
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        let peer = format!("{service} ({BACKEND} at {behind})");
        assert!(text.contains(&peer), "no {peer:?} in\n{text}");
        let seen = format!("{behind} (as {service})");
        assert!(text.contains(&seen), "no {seen:?} in\n{text}");
    }
}

/// Joins a namespace to the middle one; the names of the two interfaces.
fn join(middle: &Netns, other: &Netns, name: &str, net: &str) {
    let (inside, outside) = (middle.pid(), other.pid());
    run(&format!("ip link add {name} netns {inside} type veth peer name eth0 netns {outside}"));
    for (netns, interface, host) in [(middle, name, 1), (other, "eth0", 2)] {
        netns.run(&format!("ip addr add {net}.{host}/24 dev {interface}")).expect("an address");
        netns.run(&format!("ip link set {interface} up")).expect("a link");
    }
    other.run(&format!("ip route add default via {net}.1")).expect("a route");
}

/// The client and the backend are in namespaces of their own, as pods are. The namespace between
/// them, which is the agent's, has the rules: a service address, and a masquerade.
fn middle() {
    let [middle, client, backend] = [(); 3].map(|()| Netns::new());
    join(&middle, &client, "to-client", "10.77.0");
    join(&middle, &backend, "to-backend", "10.78.0");
    middle.sysctl("net/ipv4/ip_forward", "1");
    let inside = format!("--net=/proc/{}/ns/net", middle.pid());
    let agent = Agent::start_through(&["nsenter", &inside, "--"], &[]);
    let made = Connected::make(&backend, "0.0.0.0:0", &client, "10.96.0.10:80", |port| {
        middle.filter(&format!(
            "table ip nat {{\n chain before {{\n type nat hook prerouting priority -100\n\
             ip daddr 10.96.0.10 tcp dport 80 dnat to 10.78.0.2:{port}\n }}\n\
             chain after {{\n type nat hook postrouting priority 100\n\
             oifname to-backend masquerade\n }}\n }}"
        ));
    });
    let rows = made.rows(&agent);
    let [one, other] = &rows;
    let behind = address(&format!("10.78.0.2:{}", made.behind.port()));
    let service = address("10.96.0.10:80");
    assert_eq!(end(one, "peer"), Some(service), "what the client dialled: {one}");
    assert_eq!(end(one, "nat_peer"), Some(behind), "who answers: {one}");
    let outside = end(one, "nat_local").expect("the outside address of the client");
    assert_eq!(outside.ip(), address("10.78.0.1:1").ip(), "its outside address: {one}");
    assert_eq!(end(other, "local"), Some(behind), "where the backend listens: {other}");
    assert_eq!(end(other, "nat_local"), Some(service), "as what it is dialled: {other}");
    assert_eq!(end(other, "peer"), Some(outside), "whom it sees: {other}");
    assert_eq!(end(other, "nat_peer"), end(one, "local"), "the client behind that: {other}");
    made.linked(&rows);
}

/// Without CAP_NET_ADMIN the agent works, and says that it shows no address behind NAT.
fn forbidden() {
    const WITHOUT: [&str; 5] =
        ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    let netns = local();
    let agent = Agent::start_through(&WITHOUT, &[]);
    let made = Connected::make(&netns, "0.0.0.0:0", &netns, "10.96.0.10:80", |port| {
        serve(&netns, port);
    });
    for row in made.rows(&agent) {
        assert_eq!([end(&row, "nat_peer"), end(&row, "nat_local")], [None; 2], "{row}");
        assert_eq!(row["peer_process"], Value::Null, "{row}");
    }
    assert!(agent.log().contains("cap_net_admin is missing"), "{}", agent.log());
    let threads = agent.threads();
    assert!(threads.iter().all(|(name, _)| name.trim() != "nat"), "a thread that may nothing");

    let program = binary().display().to_string();
    let check = [program.as_str(), "check"];
    let (whole, less) = (finish(&check), finish(&[&WITHOUT[..], &check].concat()));
    assert_eq!(whole.status.code(), less.status.code(), "the exit code of check");
    let says = |output: &std::process::Output| {
        String::from_utf8_lossy(&output.stdout).contains("cap_net_admin is missing")
    };
    assert_eq!([says(&whole), says(&less)], [false, true], "what check says");
}
