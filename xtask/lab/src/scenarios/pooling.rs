//! `no-pool` against `pool`: the same requests, each over a connection of its own, or over a few
//! that are kept.

use anyhow::{Context as _, Result};
use testkit::traffic::{answer, ask, connect, echo, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::{Ask, Labels};

/// Requests a second, in both.
const RATE: f64 = 40.0;
/// Connections of the pool.
const POOL: usize = 5;
const PORT: u16 = 8080;

/// What is asked of the client, which has other labels in each.
const fn asks(opens: Labels, holds: Labels) -> [Ask; 3] {
    [
        Ask::Rate(
            "the client opens {} connections a second",
            "tcpwarden_connections_opened_total",
            opens,
        ),
        Ask::Now("it holds {} connections", "tcpwarden_connections", holds),
        Ask::Now("{} sockets are in TIME_WAIT", "tcpwarden_time_wait_sockets", &[]),
    ]
}

pub(crate) const NO_POOL: Scenario = Scenario {
    name: "no-pool",
    about: "each request has a connection of its own; compare `pool`, which asks as much",
    board: "tcpwarden-services",
    look: &[
        "opens and closes of checkout towards orders-api, all short-lived; a handshake for each \
        request",
        "TIME_WAIT on the side that closes first, here the server's",
    ],
    alerts: &["TcpConnectionChurn"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 512, play: answer_once },
        Role { name: "checkout", host: Host::Clients, files: 256, play: request_anew },
    ],
    prepare: |_| Ok(()),
    asks: &asks(&[("process", "checkout")], &[("process", "checkout"), ("state", "established")]),
};

pub(crate) const KEPT: Scenario = Scenario {
    name: "pool",
    about: "the requests of `no-pool` over five connections that are kept: nothing opens, nothing \
        closes",
    board: "tcpwarden-services",
    look: &["as many requests as in `no-pool` and no opens, closes or TIME_WAIT"],
    alerts: &[],
    cast: &[
        Role { name: "stock-api", host: Host::Servers, files: 512, play: answer_all },
        Role { name: "warehouse", host: Host::Clients, files: 256, play: request_again },
    ],
    prepare: |_| Ok(()),
    asks: &asks(&[("process", "warehouse")], &[("process", "warehouse"), ("state", "established")]),
};

fn answer_once(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    // Closed by the server, as HTTP without keep-alive is: no local port of the client stays taken.
    serve(&listener, |mut stream| answer(&mut stream))
}

fn answer_all(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn request_anew(scene: &Scene) -> Result<()> {
    use std::io::Read as _;
    scene.ready();
    for _ in scene.ticks(RATE) {
        let mut stream = connect(server(PORT))?;
        ask(&mut stream)?;
        stream.read_to_end(&mut Vec::new()).context("wait for the end")?;
    }
    Ok(())
}

fn request_again(scene: &Scene) -> Result<()> {
    let mut pool = (0..POOL).map(|_| connect(server(PORT))).collect::<Result<Vec<_>>>()?;
    scene.ready();
    for (_, turn) in scene.ticks(RATE).zip((0..POOL).cycle()) {
        ask(&mut pool[turn])?;
    }
    Ok(())
}
