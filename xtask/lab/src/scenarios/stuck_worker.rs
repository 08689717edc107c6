//! `stuck-worker`: four workers share an address, and one of them does not accept any more.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use socket2::{Domain, Socket, Type};
use testkit::traffic::{ask, connect, echo, serve, spawn, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// The limit of each accept queue: far above what waits there, because a full queue is another
/// failure with other alerts.
const BACKLOG: i32 = 1024;
/// Clients that come each second; the kernel gives a quarter of them to the worker that hangs.
const RATE: f64 = 4.0;
/// The most clients at a time: soon all of them wait for that worker.
const MOST: usize = 24;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "stuck-worker",
    about: "one of four workers that share an address (SO_REUSEPORT) hangs: a quarter of the \
        clients waits for ever, until no other can come",
    board: "tcpwarden-services",
    look: &[
        "connections that web-worker-3 has not accepted, and the age of the oldest, which grows \
        second by second",
        "a queue far below its limit: its fill tells nothing",
        "`tcpwarden connections --stage unaccepted` shows them, ESTABLISHED and patient",
    ],
    alerts: &["TcpUnaccepted", "TcpListenerNotAccepting"],
    cast: &[
        Role { name: "web-worker-1", host: Host::Servers, files: 256, play: work },
        Role { name: "web-worker-2", host: Host::Servers, files: 256, play: work },
        Role { name: "web-worker-3", host: Host::Servers, files: 256, play: hang },
        Role { name: "web-worker-4", host: Host::Servers, files: 256, play: work },
        Role { name: "load-balancer", host: Host::Clients, files: 512, play: come },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Now(
            "{} connections wait for web-worker-3 to accept them",
            "tcpwarden_listen_unaccepted_connections",
            &[("process", "web-worker-3")],
        ),
        Ask::Now(
            "the oldest has waited for {} s",
            "tcpwarden_listen_oldest_unaccepted_age_seconds",
            &[("process", "web-worker-3")],
        ),
        Ask::Suspects,
    ],
};

/// A listener at the address that all workers share.
fn shared() -> Result<TcpListener> {
    let address = server(PORT);
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, None).context("make a socket")?;
    socket.set_reuse_port(true).context("share the address")?;
    socket
        .bind(&address.into())
        .and_then(|()| socket.listen(BACKLOG))
        .with_context(|| format!("listen at {address}"))?;
    Ok(socket.into())
}

fn work(scene: &Scene) -> Result<()> {
    let listener = shared()?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn hang(scene: &Scene) -> Result<()> {
    let _listener = shared()?;
    scene.ready();
    stay()
}

fn come(scene: &Scene) -> Result<()> {
    let present = Arc::new(AtomicUsize::new(0));
    scene.ready();
    for _ in scene.ticks(RATE) {
        if present.load(Ordering::Relaxed) >= MOST {
            continue;
        }
        present.fetch_add(1, Ordering::Relaxed);
        let present = Arc::clone(&present);
        spawn(move || {
            if let Ok(mut stream) = connect(server(PORT)) {
                // A patient client: without an answer it goes on waiting.
                while ask(&mut stream).is_err() {
                    std::thread::park();
                }
            }
            present.fetch_sub(1, Ordering::Relaxed);
        })?;
    }
    stay()
}
