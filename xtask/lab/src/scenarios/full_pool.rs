//! `full-pool`: a server that needs nearly all of its descriptors, all the time.

use anyhow::Result;
use testkit::traffic::{ask, connect, echo, listen, serve, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// The most descriptors that the server may have open.
const LIMIT: u64 = 256;
/// Connections of its client's pool: 96 % of them, and what the server has open besides.
const POOL: usize = 246;
/// Requests a second: each connection is used often.
const RATE: f64 = 40.0;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "full-pool",
    about: "a server needs nearly all of its descriptors, all the time: nothing leaks, and the \
        next burst meets the limit",
    board: "tcpwarden-capacity",
    look: &[
        "descriptors of sessions-api at 96 % and flat",
        "`tcpwarden leaks` accuses nobody: every connection is used",
    ],
    alerts: &["TcpDescriptorsHigh"],
    cast: &[
        Role { name: "sessions-api", host: Host::Servers, files: LIMIT, play: serve_all },
        Role { name: "frontend", host: Host::Clients, files: 1024, play: keep },
    ],
    prepare: |_| Ok(()),
    asks: &[Ask::Of(
        "sessions-api has {} of {} descriptors open",
        "tcpwarden_process_open_fds",
        "tcpwarden_process_max_fds",
        &[("process", "sessions-api")],
    )],
};

fn serve_all(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn keep(scene: &Scene) -> Result<()> {
    let mut pool = Vec::new();
    for _ in 0..POOL {
        let mut stream = connect(server(PORT))?;
        ask(&mut stream)?;
        pool.push(stream);
    }
    scene.ready();
    for (_, turn) in scene.ticks(RATE).zip((0..POOL).cycle()) {
        ask(&mut pool[turn])?;
    }
    stay()
}
