//! `pool-leak` against `idle-pool`: connections that are used once and never given back, or a pool
//! of which most idles. Both are ESTABLISHED and nothing else.

use std::net::TcpStream;

use anyhow::Result;
use testkit::traffic::{ask, connect, echo, listen, serve, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::{Ask, Labels};

/// Connections that leak a second, and at the most: far below the limit of descriptors, which is
/// another failure with another alert.
const LEAKS_A_SECOND: f64 = 2.0;
const MOST: f64 = 700.0;
/// Connections of the pool, and those of them that are used.
const POOL: usize = 20;
const USED: usize = 5;
/// Requests a second over those.
const RATE: f64 = 5.0;
const PORT: u16 = 5432;

/// What is asked of the client, which has other labels in each.
const fn asks(holds: Labels, idles: Labels) -> [Ask; 3] {
    [
        Ask::Now("the client holds {} connections", "tcpwarden_connections", holds),
        Ask::Now("{} of them have idled for a minute", "tcpwarden_connections_idle", idles),
        Ask::Suspects,
    ]
}

pub(crate) const LEAK: Scenario = Scenario {
    name: "pool-leak",
    about: "a client opens connections, uses each once and never gives it back; compare \
        `idle-pool`, which keeps as many and is in order",
    board: "tcpwarden-leaks",
    look: &[
        "ESTABLISHED of billing only grows, and so do those that idle: none is used again",
        "no socket in a transient state: only growth and last use tell",
        "`tcpwarden connections --process billing --min-idle 30s` shows each, with its bytes",
    ],
    alerts: &["TcpEstablishedGrowing"],
    cast: &[
        Role { name: "billing-db", host: Host::Servers, files: 1024, play: serve_all },
        Role { name: "billing", host: Host::Clients, files: 1024, play: forget },
    ],
    prepare: |_| Ok(()),
    asks: &asks(
        &[("process", "billing"), ("state", "established")],
        &[("process", "billing"), ("min_idle", "60")],
    ),
};

pub(crate) const IDLE: Scenario = Scenario {
    name: "idle-pool",
    about: "a pool of which most connections idle, and none is opened or closed: the healthy twin \
        of `pool-leak`",
    board: "tcpwarden-leaks",
    look: &[
        "idle connections of accounts that stay as many as they are",
        "`tcpwarden leaks` accuses nobody",
    ],
    alerts: &[],
    cast: &[
        Role { name: "accounts-db", host: Host::Servers, files: 256, play: serve_all },
        Role { name: "accounts", host: Host::Clients, files: 256, play: keep },
    ],
    prepare: |_| Ok(()),
    asks: &asks(
        &[("process", "accounts"), ("state", "established")],
        &[("process", "accounts"), ("min_idle", "60")],
    ),
};

fn serve_all(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

/// Connects and asks once.
fn fresh() -> Result<TcpStream> {
    let mut stream = connect(server(PORT))?;
    ask(&mut stream)?;
    Ok(stream)
}

fn forget(scene: &Scene) -> Result<()> {
    let mut forgotten = Vec::new();
    scene.ready();
    for _ in scene.ticks(LEAKS_A_SECOND.min(MOST / scene.length.as_secs_f64())) {
        forgotten.push(fresh()?);
    }
    // A role that is done keeps what it holds.
    stay()
}

fn keep(scene: &Scene) -> Result<()> {
    let mut pool = (0..POOL).map(|_| fresh()).collect::<Result<Vec<_>>>()?;
    scene.ready();
    for (_, turn) in scene.ticks(RATE).zip((0..USED).cycle()) {
        ask(&mut pool[turn])?;
    }
    stay()
}
