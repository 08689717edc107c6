//! `proxy-chain`: a proxy between two programs of one machine closes the side of its clients and
//! forgets the other.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use testkit::traffic::{REQUEST, answer, ask, connect, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// Requests at once, and how many more until the end.
const FIRST: u32 = 12;
const MORE: u32 = 180;
/// Where the proxy is asked, and where it asks.
const FRONT: u16 = 8080;
const BACK: u16 = 5432;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "proxy-chain",
    about: "a proxy closes the side of its clients and forgets the other: the program behind it \
        waits for a close that never comes, and both look stuck",
    board: "tcpwarden-leaks",
    look: &[
        "CLOSE_WAIT of edge-proxy, which has to be mended, and as many FIN_WAIT2 of orders-db, \
        which only waits for it",
        "no socket of mobile-app in either state: its side was closed",
        "`tcpwarden leaks` names the cause first",
    ],
    alerts: &["TcpCloseWaitStuck", "TcpCloseWaitGrowing", "TcpFinWait2Stuck"],
    cast: &[
        Role { name: "orders-db", host: Host::Servers, files: 512, play: end_first },
        Role { name: "edge-proxy", host: Host::Servers, files: 512, play: forward },
        Role { name: "mobile-app", host: Host::Clients, files: 256, play: request },
    ],
    prepare: |_| Ok(()),
    asks: &[Ask::Suspects],
};

/// Answers once, says that it is done, and waits until the proxy is too.
fn end_first(scene: &Scene) -> Result<()> {
    let listener = listen(server(BACK), 128)?;
    scene.ready();
    serve(&listener, |mut stream| {
        answer(&mut stream)?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0]).map(drop)
    })
}

fn forward(scene: &Scene) -> Result<()> {
    let listener = listen(server(FRONT), 128)?;
    let forgotten = Arc::new(Mutex::new(Vec::new()));
    scene.ready();
    serve(&listener, move |mut front| {
        let mut bytes = [0; REQUEST];
        front.read_exact(&mut bytes)?;
        let mut back = TcpStream::connect(server(BACK))?;
        back.write_all(&bytes)?;
        back.read_exact(&mut bytes)?;
        let result = front.write_all(&bytes);
        forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(back);
        result
    })
}

fn request(scene: &Scene) -> Result<()> {
    let once = || ask(&mut connect(server(FRONT))?);
    (0..FIRST).try_for_each(|_| once())?;
    scene.ready();
    for _ in scene.ticks(f64::from(MORE) / scene.length.as_secs_f64()) {
        once()?;
    }
    Ok(())
}
