//! `refused`: nobody listens at the port that the client asks for.

use std::sync::Once;

use anyhow::{Result, ensure};
use testkit::traffic::{connect, echo, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Connects a second.
const RATE: f64 = 5.0;
/// Where the server listens, and where the client believes it to be.
const PORT: u16 = 8080;
const WRONG: u16 = 8081;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "refused",
    about: "a client asks at a port where nobody listens: every connect is refused at once",
    board: "tcpwarden-services",
    look: &[
        "connects of checkout that fail with reason `refused`, all towards port 8081",
        "a listener of orders-api at 8080: the address is wrong, not the server",
    ],
    alerts: &["TcpConnectFailures"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 256, play: answer },
        Role { name: "checkout", host: Host::Clients, files: 256, play: knock },
    ],
    prepare: |_| Ok(()),
    asks: &[Ask::Rate(
        "{} connects of checkout a second are refused",
        "tcpwarden_connect_failures_total",
        &[("process", "checkout"), ("reason", "refused"), ("port", "8081")],
    )],
};

fn answer(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn knock(scene: &Scene) -> Result<()> {
    let told = Once::new();
    scene.ready();
    for _ in scene.ticks(RATE) {
        let answer = connect(server(WRONG));
        ensure!(answer.is_err(), "somebody listens at port {WRONG}");
        if let Err(error) = answer {
            told.call_once(|| scene.say(&format!("{error:#}")));
        }
    }
    Ok(())
}
