//! `slow-reader`: a client that does not read; the window closes and the sender's queue grows.

use std::io::Write as _;

use anyhow::Result;
use testkit::traffic::{ask, connect, listen, serve, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Connections that nobody reads from.
const CONNECTIONS: usize = 12;
const PORT: u16 = 5432;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "slow-reader",
    about: "a client asks for much and reads nothing: windows close, and the server's queues fill",
    board: "tcpwarden-network",
    look: &[
        "unread bytes of reporting, unacknowledged bytes of payments-db, and its connections with \
        a window of zero",
        "sockets that are all ESTABLISHED: only the queues tell",
        "`tcpwarden connections --process payments-db` shows zero_window and send_queue with \
        --json",
    ],
    alerts: &["TcpReceiversNotReading", "TcpPeersNotReading"],
    cast: &[
        Role { name: "payments-db", host: Host::Servers, files: 256, play: pour },
        Role { name: "reporting", host: Host::Clients, files: 256, play: sit },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Now(
            "reporting has {} bytes unread",
            "tcpwarden_receive_queue_bytes",
            &[("process", "reporting")],
        ),
        Ask::Now(
            "{} connections of payments-db wait for a peer that lets nothing in",
            "tcpwarden_zero_window_connections",
            &[("process", "payments-db")],
        ),
        Ask::Now(
            "payments-db waits to get rid of {} bytes",
            "tcpwarden_send_queue_bytes",
            &[("process", "payments-db")],
        ),
    ],
};

fn pour(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    // What is written stays within the kernel's limit for a send buffer; then the write blocks.
    serve(&listener, |mut stream| {
        loop {
            stream.write_all(&[b'x'; 16 << 10])?;
        }
    })
}

fn sit(scene: &Scene) -> Result<()> {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut stream = connect(server(PORT))?;
        ask(&mut stream)?;
        streams.push(stream);
    }
    scene.ready();
    stay()
}
