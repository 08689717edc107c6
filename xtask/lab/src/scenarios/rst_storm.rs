//! `rst-storm`: a server that ends its connections with a reset instead of a close.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;
use socket2::SockRef;
use testkit::traffic::{ask, connect, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Connections a second, each of which ends with a reset.
const RATE: f64 = 20.0;
/// How long each lives: no churn.
const LIFE: Duration = Duration::from_millis(1500);
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "rst-storm",
    about: "a server throws its connections away with linger 0: each ends with a reset",
    board: "tcpwarden-network",
    look: &[
        "connections of orders-api that end for `rst_sent`, those of checkout for `rst_received`",
        "resets sent and received in step, no TIME_WAIT",
    ],
    alerts: &["TcpResetStorm"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 512, play: reset },
        Role { name: "checkout", host: Host::Clients, files: 512, play: request },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Rate(
            "{} connections of orders-api a second end with a reset that it sends",
            "tcpwarden_connections_closed_total",
            &[("process", "orders-api"), ("reason", "rst_sent")],
        ),
        Ask::Rate(
            "{} connections of checkout a second end with a reset that it gets",
            "tcpwarden_connections_closed_total",
            &[("process", "checkout"), ("reason", "rst_received")],
        ),
    ],
};

fn reset(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| {
        testkit::traffic::answer(&mut stream)?;
        std::thread::sleep(LIFE);
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    })
}

fn request(scene: &Scene) -> Result<()> {
    let mut streams = VecDeque::new();
    scene.ready();
    for _ in scene.ticks(RATE) {
        // The reset has ended those by now; what is left is the descriptor.
        while streams.front().is_some_and(|(since, _): &(Instant, _)| since.elapsed() > LIFE * 2) {
            streams.pop_front();
        }
        let mut stream = connect(server(PORT))?;
        ask(&mut stream)?;
        streams.push_back((Instant::now(), stream));
    }
    Ok(())
}
