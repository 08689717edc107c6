//! `lossy-link`: a share of the data is dropped on the way; the kernel retransmits it, at once or
//! after a timeout.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::traffic::{ask, connect, echo, listen, serve, spawn};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::stage::Stage;
use crate::tell::Ask;

/// Packets in a hundred that are lost, of those that carry data: handshakes and acknowledgements
/// pass.
const LOSS: u32 = 12;
/// Bytes from which on a packet is data.
const DATA: u32 = 500;
/// Kept connections that send, and what each sends.
const CONNECTIONS: usize = 10;
const CHUNK: usize = 32 << 10;
const CHUNKS_A_SECOND: f64 = 5.0;
const PORT: u16 = 8080;
/// Where short-lived connections go, whose SYNs are lost; more of them than of the data, so that a
/// short look sees some.
const CONTROL: u16 = 8443;
const SYN_LOSS: u32 = 30;
const VISITS_A_SECOND: f64 = 5.0;
const VISIT: Duration = Duration::from_secs(2);

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "lossy-link",
    about: "a link loses data and SYNs: fast retransmits, timeouts where those do not do, and \
        connects that take a second more",
    board: "tcpwarden-network",
    look: &[
        "retransmits of phase `established`, `fast` beside `timeout`, and those of phase `syn`",
        "the share of retransmitted segments, and connects that last one second or two and then \
        succeed",
    ],
    alerts: &["TcpRetransmitRatioHigh", "TcpConnectSlow", "TcpSynRetransmits"],
    cast: &[
        Role { name: "archive", host: Host::Servers, files: 512, play: take },
        Role { name: "backup", host: Host::Clients, files: 512, play: send },
    ],
    prepare,
    asks: &[
        Ask::Rate(
            "{} connects of backup a second succeed",
            "tcpwarden_connect_duration_seconds_count",
            &[("process", "backup")],
        ),
        Ask::Rate(
            "backup retransmits {} segments a second at once (fast)",
            "tcpwarden_retransmitted_segments_total",
            &[("process", "backup"), ("kind", "fast")],
        ),
        Ask::Rate(
            "and {} a second after a timeout",
            "tcpwarden_retransmitted_segments_total",
            &[("process", "backup"), ("kind", "timeout")],
        ),
    ],
};

fn prepare(stage: &Stage) -> Result<()> {
    // A veth hands on many segments as one packet, which would be lost together.
    stage.clients.run("ip link set dev veth0 gso_max_segs 1")?;
    stage.servers.filter(&format!(
        "add table inet lab\n\
         add chain inet lab input {{ type filter hook input priority 0 ; }}\n\
         add rule inet lab input tcp dport {PORT} meta length > {DATA} numgen random mod 100 < \
        {LOSS} drop\n\
         add rule inet lab input tcp dport {CONTROL} tcp flags syn numgen random mod 100 < \
        {SYN_LOSS} drop"
    ))
}

fn take(scene: &Scene) -> Result<()> {
    let (listener, control) = (listen(server(PORT), 128)?, listen(server(CONTROL), 128)?);
    scene.ready();
    spawn(move || drop(serve(&control, |mut stream| echo(&mut stream))))?;
    serve(&listener, |mut stream| {
        let mut bytes = [0; 16 << 10];
        while stream.read(&mut bytes)? > 0 {}
        Ok(())
    })
}

fn send(scene: &Scene) -> Result<()> {
    for _ in 0..CONNECTIONS {
        let (scene, mut stream) = (*scene, connect(server(PORT))?);
        spawn(move || {
            for _ in scene.ticks(CHUNKS_A_SECOND) {
                if let Err(error) = stream.write_all(&vec![b'x'; CHUNK]).context("send") {
                    return scene.say(&format!("{error:#}"));
                }
            }
        })?;
    }
    scene.ready();
    for _ in scene.ticks(VISITS_A_SECOND) {
        spawn(|| {
            // Each lost SYN is a second or more; a client waits for it, as most do.
            if let Ok(mut stream) = connect(server(CONTROL)) {
                let _ = ask(&mut stream);
                std::thread::sleep(VISIT);
            }
        })?;
    }
    Ok(())
}
