//! `stuck-listener`: a server that stopped accepting; its queue fills, and SYNs are dropped.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::traffic::{ask, listen, spawn, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// The limit of the accept queue; the kernel takes one more.
const BACKLOG: i32 = 16;
/// Clients that come each second.
const RATE: f64 = 4.0;
/// How long a client waits for its connection, and for its answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(2);
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "stuck-listener",
    about: "a server stops accepting: its accept queue fills with clients that give up, then SYNs \
        are dropped",
    board: "tcpwarden-services",
    look: &[
        "the backlog of search-api at its limit, overflows and drops that go on",
        "CLOSE_WAIT in stage `unaccepted`: clients that came and went in the queue",
        "clients that send their SYN again, and give up connecting",
    ],
    // Clients that give up are connects that failed: no server that drops SYNs is without them.
    alerts: &[
        "TcpListenBacklogNearLimit",
        "TcpAcceptQueueOverflowing",
        "TcpCloseWaitUnaccepted",
        "TcpUnaccepted",
        "TcpListenerNotAccepting",
        "TcpSynRetransmits",
        "TcpConnectFailures",
    ],
    cast: &[
        Role { name: "search-api", host: Host::Servers, files: 256, play: stick },
        Role { name: "web-frontend", host: Host::Clients, files: 256, play: come },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Of(
            "{} connections wait for search-api to accept them; its limit is {}",
            "tcpwarden_listen_backlog",
            "tcpwarden_listen_backlog_limit",
            &[("process", "search-api")],
        ),
        Ask::Rate(
            "its listener drops {} segments a second",
            "tcpwarden_listen_drops_total",
            &[("process", "search-api")],
        ),
        Ask::Suspects,
    ],
};

fn stick(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), BACKLOG)?;
    scene.ready();
    // The first is accepted, and its request keeps the only thread busy for ever.
    let _first = listener.accept().context("accept")?;
    stay()
}

fn come(scene: &Scene) -> Result<()> {
    scene.ready();
    for _ in scene.ticks(RATE) {
        spawn(|| {
            // Both fail, as they should: the time limits are what a client has.
            if let Ok(mut stream) = TcpStream::connect_timeout(&server(PORT), CONNECT) {
                let _ = stream
                    .set_read_timeout(Some(ANSWER))
                    .context("set a time limit")
                    .and_then(|()| ask(&mut stream));
            }
        })?;
    }
    Ok(())
}
