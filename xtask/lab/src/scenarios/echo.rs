//! `echo`: the healthy picture.

use std::collections::VecDeque;

use anyhow::Result;
use testkit::traffic::{ask, connect, echo, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Connections that are kept for as long as the scenario lasts.
const KEPT: usize = 8;
/// Requests a second, over all of them.
const RATE: f64 = 80.0;
/// A visitor comes with every such request, and stays for as many seconds as there are places.
const VISIT_EVERY: u64 = 80;
const VISITORS: usize = 6;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "echo",
    about: "a server answers requests over kept connections: the healthy picture",
    board: "tcpwarden-overview",
    look: &[
        "opens and closes in step, no socket stays in a transient state",
        "`tcpwarden leaks` names nobody",
    ],
    alerts: &[],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 256, play: answer },
        Role { name: "checkout", host: Host::Clients, files: 256, play: request },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Now(
            "orders-api serves {} connections",
            "tcpwarden_connections",
            &[("process", "orders-api"), ("state", "established")],
        ),
        Ask::Rate(
            "checkout opens {} connections a second",
            "tcpwarden_connections_opened_total",
            &[("process", "checkout")],
        ),
        Ask::Suspects,
    ],
};

fn answer(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn request(scene: &Scene) -> Result<()> {
    let mut kept = (0..KEPT).map(|_| connect(server(PORT))).collect::<Result<Vec<_>>>()?;
    let mut visitors = VecDeque::with_capacity(VISITORS);
    scene.ready();
    for (tick, turn) in scene.ticks(RATE).zip((0..KEPT).cycle()) {
        ask(&mut kept[turn])?;
        if tick % VISIT_EVERY == 0 {
            if visitors.len() == VISITORS {
                visitors.pop_front();
            }
            let mut visitor = connect(server(PORT))?;
            ask(&mut visitor)?;
            visitors.push_back(visitor);
        }
    }
    Ok(())
}
