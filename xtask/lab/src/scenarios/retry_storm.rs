//! `retry-storm`: a server that comes up and goes down again, and a client that tries again at
//! once.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::traffic::{ask, connect, echo, listen};

use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;
use crate::{Scenario, kind};

/// Tries a second: each failure and each answer is followed by the next try, without a pause that
/// grows.
const RATE: f64 = 60.0;
/// How long the server is up, and then down.
const PHASE: Duration = Duration::from_millis(500);
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "retry-storm",
    about: "a server in a crash loop and a client that tries again at once, with a new connection \
        each time",
    board: "tcpwarden-services",
    look: &[
        "connects of checkout that fail with reason `refused`, and between them connections that \
        live for milliseconds",
        "opens, closes and failures that all go up together: the client is the load",
    ],
    alerts: &["TcpConnectFailures", "TcpConnectionChurn"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 256, play: crash_again },
        Role { name: "checkout", host: Host::Clients, files: 256, play: retry },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Rate(
            "{} connects of checkout a second are refused",
            "tcpwarden_connect_failures_total",
            &[("process", "checkout"), ("reason", "refused")],
        ),
        Ask::Rate(
            "and {} succeed",
            "tcpwarden_connections_opened_total",
            &[("process", "checkout")],
        ),
    ],
};

/// Answers that it is busy while it is up; a process that keeps its name while it listens only now
/// and then.
fn crash_again(scene: &Scene) -> Result<()> {
    let mut said = false;
    loop {
        let listener = listen(server(PORT), 128)?;
        listener.set_nonblocking(true).context("listen without waiting")?;
        if !said {
            scene.ready();
            said = true;
        }
        let start = Instant::now();
        while start.elapsed() < PHASE {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    // A client that went away meanwhile is as good as answered.
                    let _ = stream.set_nonblocking(false).and_then(|()| echo(&mut stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(error).context("accept"),
            }
        }
        drop(listener);
        std::thread::sleep(PHASE);
    }
}

fn retry(scene: &Scene) -> Result<()> {
    scene.ready();
    for _ in scene.ticks(RATE) {
        if let Err(error) = once() {
            // Refused, or accepted and cut off: the next try comes at once. All else is no part of
            // the plan.
            let planned = [
                ErrorKind::ConnectionRefused,
                ErrorKind::ConnectionReset,
                ErrorKind::BrokenPipe,
                ErrorKind::UnexpectedEof,
            ];
            ensure!(kind(&error).is_some_and(|kind| planned.contains(&kind)), "{error:#}");
        }
    }
    Ok(())
}

/// The client closes first, so that TIME_WAIT is its own and it takes no such port again. Were it
/// the server's, a SYN to a server that is down would meet it: the kernel answers with an ACK, and
/// the client resets and retransmits its SYN.
fn once() -> Result<()> {
    ask(&mut connect(server(PORT))?)
}
