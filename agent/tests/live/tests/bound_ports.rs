//! Local ports that `bind` took before a connect: one range for all destinations, and it runs out.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};

/// The tests of this file.
pub(super) const TESTS: &[Test] =
    &[("portable::ports_that_bind_took_are_used_up_for_every_destination", used_up)];

/// Ports of the range, and destinations, each with an address of its own.
const PORTS: u8 = 20;
const DESTINATIONS: u8 = 10;
const SERVICE: u16 = 8080;

/// Whether the port is chosen at `bind`, or only at `connect`.
#[derive(Clone, Copy, PartialEq)]
enum Chosen {
    AtBind,
    AtConnect,
}

/// A client with a source address of its own.
fn bound(chosen: Chosen) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if chosen == Chosen::AtConnect {
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(socket)
}

/// As many connections as there are ports, dealt out to the destinations.
fn connected(chosen: Chosen) -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SERVICE)).expect("listen");
    let connect = |number: u8| {
        let to = Ipv4Addr::new(127, 0, 0, 2 + number % DESTINATIONS);
        let socket = bound(chosen).expect("bind");
        socket.connect(&SocketAddr::from((to, SERVICE)).into()).expect("connect");
        TcpStream::from(socket)
    };
    let clients = (0..PORTS).map(connect).collect();
    (listener, clients)
}

/// As many connections as there are ports, which `bind` chose.
pub(super) fn connected_at_bind() -> (TcpListener, Vec<TcpStream>) {
    connected(Chosen::AtBind)
}

/// The destinations of a namespace that have taken ports, and its share on the page.
///
/// The page comes first: if a pass ends in between, the destinations are the newer ones, and the
/// next try sees the share of theirs.
pub(super) fn taken(agent: &Agent, netns: &Netns) -> (Vec<Value>, Option<f64>) {
    let inode = netns.inode.to_string();
    let share = agent.scrape().value("ephemeral_ports_used_ratio", &[("netns", &inode)]);
    let (status, body) = agent.get("/api/v1/ports?limit=20");
    assert_eq!(status, 200, "the status of the ports: {body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let all = answer["destinations"].as_array().expect("destinations");
    (all.iter().filter(|one| one["netns"] == netns.inode).cloned().collect(), share)
}

fn used_up() {
    let (agent, bind, connect) = (Agent::start(&[]), Netns::new(), Netns::new());
    for netns in [&bind, &connect] {
        netns.sysctl(
            "net/ipv4/ip_local_port_range",
            &format!("20000 {}", 19_999 + u16::from(PORTS)),
        );
    }
    let _bound = bind.enter(|| connected(Chosen::AtBind));
    let refused = bind.enter(|| bound(Chosen::AtBind)).err().and_then(|error| error.raw_os_error());
    assert_eq!(refused, Some(Errno::EADDRINUSE as i32), "one more bind fails in the kernel");
    let _free = connect.enter(|| connected(Chosen::AtConnect));
    assert!(connect.enter(|| bound(Chosen::AtConnect)).is_ok(), "the others have ports left");

    let full = wait_for("the range to be used up", PATIENCE, || {
        let (destinations, ratio) = taken(&agent, &bind);
        (ratio == Some(1.0)).then_some(destinations)
    });
    let worst = &full[0];
    assert_eq!(
        (&worst["used"], &worst["range"], &worst["used_ratio"]),
        (&PORTS.into(), &PORTS.into(), &1.0.into()),
        "ports that bind took: {worst}"
    );
    let any = worst["peer_address"].as_str().and_then(|text| text.parse::<std::net::IpAddr>().ok());
    assert!(
        worst["local_address"] == "127.0.0.1"
            && worst["peer_port"] == 0
            && any.is_some_and(|any| any.is_unspecified()),
        "they are of one address, for any destination: {worst}"
    );
    let share = f64::from(PORTS / DESTINATIONS) / f64::from(PORTS);
    let each = wait_for("the other destinations", PATIENCE, || {
        let (destinations, ratio) = taken(&agent, &connect);
        ratio.is_some_and(|ratio| (ratio - share).abs() < 0.001).then_some(destinations)
    });
    assert!(
        !each.is_empty() && each.iter().all(|one| one["peer_port"] == SERVICE),
        "a port that connect chose is taken for one destination only: {each:?}"
    );
}
