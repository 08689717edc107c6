//! `bind-first`: a client that binds its source address before it connects, until no port is left
//! for any destination.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result};
use socket2::{Domain, Socket, Type};
use testkit::traffic::{ask, echo, listen, serve, spawn, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::stage::Stage;
use crate::tell::Ask;

/// The client's local ports: few, so that it is quick.
const FIRST: u16 = 32768;
const PORTS: u16 = 200;
/// Connections a second.
const RATE: f64 = 20.0;
/// Ports of the server, each a destination of its own, from this one on.
const PORT: u16 = 8080;
const DESTINATIONS: u16 = 10;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "bind-first",
    about: "a client binds its address before it connects: each connection takes a port for all \
        destinations, and bind fails while every destination has most of its ports left",
    board: "tcpwarden-capacity",
    look: &[
        "ports taken of the whole range, though each destination has few of them",
        "no connect that fails: it is `bind` that does, with EADDRINUSE, before any SYN is sent",
        "`tcpwarden ports` shows the local address with the destination any",
    ],
    alerts: &["TcpEphemeralPortsNearExhaustion"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 512, play: answer },
        Role { name: "egress-proxy", host: Host::Clients, files: 512, play: bind },
    ],
    prepare,
    asks: &[
        Ask::Now(
            "egress-proxy holds {} connections",
            "tcpwarden_connections",
            &[("process", "egress-proxy"), ("state", "established")],
        ),
        Ask::Suspects,
    ],
};

fn prepare(stage: &Stage) -> Result<()> {
    stage.clients.sysctl("net/ipv4/ip_local_port_range", &format!("{FIRST} {}", FIRST + PORTS - 1))
}

fn answer(scene: &Scene) -> Result<()> {
    for port in PORT..PORT + DESTINATIONS {
        let listener = listen(server(port), 128)?;
        spawn(move || drop(serve(&listener, |mut stream| echo(&mut stream))))?;
    }
    scene.ready();
    stay()
}

fn bind(scene: &Scene) -> Result<()> {
    let (mut held, mut told) = (Vec::new(), false);
    scene.ready();
    for (_, port) in scene.ticks(RATE).zip((PORT..PORT + DESTINATIONS).cycle()) {
        match bound() {
            Ok(socket) => {
                socket.connect(&server(port).into()).context("connect")?;
                let mut stream = TcpStream::from(socket);
                ask(&mut stream)?;
                held.push(stream);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if !told {
                    scene.say(&format!("bind, with {} connections: {error}", held.len()));
                    told = true;
                }
            }
            Err(error) => return Err(error).context("bind the source address"),
        }
    }
    stay()
}

/// A socket with this host's address and a port that is its own.
fn bound() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Host::Clients.ip(), 0)).into())?;
    Ok(socket)
}
