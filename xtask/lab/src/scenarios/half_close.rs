//! `half-close`: one side closes its half and waits; the other never closes.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use anyhow::{Context as _, Result};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;
use crate::traffic::{REQUEST, ask, connect, echo, listen, serve, stay};

/// Connections that are closed by half.
const CONNECTIONS: usize = 24;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "half-close",
    about: "clients close their half and wait for the server's, which never comes",
    board: "tcpwarden-leaks",
    look: &[
        "FIN_WAIT2 of checkout, which still holds the descriptors, and as many CLOSE_WAIT of orders-api: both sides of one leak",
        "numbers that stay while ages grow",
        "`tcpwarden connections --state fin_wait2,close_wait` shows both ends of each connection",
    ],
    alerts: &["TcpFinWait2Stuck", "TcpCloseWaitStuck"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: 256, play: keep },
        Role { name: "checkout", host: Host::Clients, files: 256, play: half },
    ],
    prepare: |_| Ok(()),
    asks: &[Ask::Suspects],
};

fn keep(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| {
        echo(&mut stream)?;
        // It holds the connection and waits for nothing: as a pool does that looks at its connections too late.
        stay()
    })
}

fn half(scene: &Scene) -> Result<()> {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut stream = connect(server(PORT))?;
        ask(&mut stream)?;
        stream.flush().and_then(|()| stream.shutdown(Shutdown::Write)).context("close this half")?;
        stream.set_read_timeout(None).context("wait without an end")?;
        streams.push(stream);
    }
    scene.ready();
    for stream in &mut streams {
        let length = stream.read(&mut [0; REQUEST]).context("wait for the end of the other half")?;
        scene.say(&format!("the server's half ended after all ({length} bytes)"));
    }
    Ok(())
}
