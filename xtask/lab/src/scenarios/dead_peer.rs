//! `dead-peer`: clients vanish without a word, and a server that writes to them waits for minutes.

use std::io::Write as _;
use std::net::TcpStream;

use anyhow::{Context as _, Result};
use testkit::shell;
use testkit::traffic::{ask, connect, echo, listen, serve, spawn};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Clients that vanish, and those that stay.
const GONE: usize = 12;
const STAY: usize = 5;
/// How often the server writes to each, and how much.
const PUSHES_A_SECOND: f64 = 0.5;
const PUSH: [u8; 32] = [b'!'; 32];
/// Requests a second over the connections that stay.
const RATE: f64 = 40.0;
/// Where the server pushes, and where it is asked.
const FEED: u16 = 9000;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "dead-peer",
    about: "clients vanish without closing; what the server writes to them is never acknowledged, \
        and it holds them for a quarter of an hour",
    board: "tcpwarden-leaks",
    look: &[
        "connections of notifier that are not acknowledged, all of them ESTABLISHED",
        "retransmits of kind `timeout` that come ever more rarely: the kernel doubles its time-out",
        "`tcpwarden connections --unacknowledged` lists them and not those of other clients",
    ],
    alerts: &["TcpPeersUnreachable"],
    cast: &[
        Role { name: "notifier", host: Host::Servers, files: 256, play: push },
        Role { name: "subscribers", host: Host::Clients, files: 256, play: vanish },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Now(
            "{} peers of notifier do not acknowledge",
            "tcpwarden_connections_unacknowledged",
            &[("process", "notifier")],
        ),
        Ask::Rate(
            "notifier retransmits {} segments a second",
            "tcpwarden_retransmitted_segments_total",
            &[("process", "notifier")],
        ),
        Ask::Suspects,
    ],
};

fn push(scene: &Scene) -> Result<()> {
    let (feed, asked) = (listen(server(FEED), 128)?, listen(server(PORT), 128)?);
    scene.ready();
    let scene = *scene;
    spawn(move || drop(serve(&asked, |mut stream| echo(&mut stream))))?;
    serve(&feed, move |mut stream| {
        for _ in scene.ticks(PUSHES_A_SECOND) {
            stream.write_all(&PUSH)?;
        }
        Ok(())
    })
}

fn vanish(scene: &Scene) -> Result<()> {
    let connected =
        |port, count| (0..count).map(|_| connect(server(port))).collect::<Result<Vec<TcpStream>>>();
    let (_gone, mut others) = (connected(FEED, GONE)?, connected(PORT, STAY)?);
    // This host takes and says nothing more on these connections, as one that lost its power.
    for rule in [
        "add table inet lab",
        "add chain inet lab input { type filter hook input priority 0 ; }",
        "add chain inet lab output { type filter hook output priority 0 ; }",
        &format!("add rule inet lab input tcp sport {FEED} drop"),
        &format!("add rule inet lab output tcp dport {FEED} drop"),
    ] {
        shell::run(&format!("nft {rule}")).context("vanish")?;
    }
    scene.ready();
    for (_, turn) in scene.ticks(RATE).zip((0..STAY).cycle()) {
        ask(&mut others[turn])?;
    }
    testkit::traffic::stay()
}
