//! `half-close`: one side closes its half and waits; the other never closes.

use std::net::{Shutdown, TcpStream};

use anyhow::{Context as _, Result};
use testkit::traffic::{ask, connect, echo, listen, serve, stay};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Connections that are closed by half at once, and how many more until the end.
const FIRST: u32 = 12;
const MORE: u32 = 180;
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "half-close",
    about: "clients close their half and wait for the server's, which never comes",
    board: "tcpwarden-leaks",
    look: &[
        "FIN_WAIT2 of importer, which still holds the descriptors, and as many CLOSE_WAIT of \
        import-api: both sides of one leak",
        "numbers that grow in step at both ends, and ages that only grow",
        "`tcpwarden connections --state fin_wait2,close_wait` shows both ends of each connection",
    ],
    // What nobody closes becomes more.
    alerts: &["TcpFinWait2Stuck", "TcpCloseWaitStuck", "TcpCloseWaitGrowing"],
    cast: &[
        Role { name: "import-api", host: Host::Servers, files: 256, play: keep },
        Role { name: "importer", host: Host::Clients, files: 256, play: half },
    ],
    prepare: |_| Ok(()),
    asks: &[Ask::Suspects],
};

fn keep(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| {
        echo(&mut stream)?;
        // It holds the connection and waits for nothing: as a pool does that looks at its
        // connections too late.
        stay()
    })
}

fn half(scene: &Scene) -> Result<()> {
    let mut halves = (0..FIRST).map(|_| half_closed()).collect::<Result<Vec<_>>>()?;
    scene.ready();
    for _ in scene.ticks(f64::from(MORE) / scene.length.as_secs_f64()) {
        halves.push(half_closed()?);
    }
    Ok(())
}

fn half_closed() -> Result<TcpStream> {
    let mut stream = connect(server(PORT))?;
    ask(&mut stream)?;
    stream.shutdown(Shutdown::Write).context("close this half")?;
    Ok(stream)
}
