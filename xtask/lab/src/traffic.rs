//! What the roles have in common: listening, answering, asking.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};

/// The bytes of a request, and of its answer.
pub(crate) const REQUEST: usize = 64;
/// A thread of a server needs little.
const STACK: usize = 128 << 10;
/// How long a client waits for an answer before it takes the server for lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener with a backlog of its own.
pub(crate) fn listen(address: SocketAddr, backlog: i32) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .context("make a socket")?;
    // A server that comes back must not wait for what is left of its former connections.
    socket.set_reuse_address(true).context("let the address be used again")?;
    socket
        .bind(&address.into())
        .and_then(|()| socket.listen(backlog))
        .with_context(|| format!("listen at {address}"))?;
    Ok(socket.into())
}

/// Accepts for as long as the process lives; each connection is served on a thread of its own.
pub(crate) fn serve(
    listener: &TcpListener,
    work: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> Result<()> {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors, most likely: a moment later there may be one.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let work = work.clone();
        // A client that goes away is none of the server's business.
        spawn(move || drop(work(stream)))?;
    }
    Ok(())
}

/// Starts a thread that nobody waits for; the process that ends takes it along.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
        .context("start a thread for a connection")
}

/// Holds what the caller has for as long as the process lives.
pub(crate) fn stay() -> ! {
    loop {
        std::thread::park();
    }
}

/// Answers one request.
pub(crate) fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; REQUEST];
    stream.read_exact(&mut bytes)?;
    stream.write_all(&bytes)
}

/// Answers each request with as many bytes, until the peer closes.
pub(crate) fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; REQUEST];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            length => stream.write_all(&bytes[..length])?,
        }
    }
}

/// A connection that gives up waiting for answers at last.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
    stream.set_nodelay(true).context("send at once")?;
    Ok(stream)
}

/// One request and its whole answer.
pub(crate) fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&[b'?'; REQUEST]).context("send a request")?;
    stream.read_exact(&mut [0; REQUEST]).context("read the answer")
}
