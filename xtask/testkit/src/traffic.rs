//! Connections: to listen, to connect, to ask and answer, to hold, to end in one way or another.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Bytes of a request, and of its answer.
pub const REQUEST: usize = 64;
/// Bytes of the stack of a thread that serves a connection.
const STACK: usize = 128 << 10;
/// How long a client waits for an answer before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener and the address that reaches it.
#[derive(Debug)]
pub struct Site {
    /// The listener.
    pub listener: TcpListener,
    /// Where clients connect to.
    pub address: SocketAddr,
}

impl Site {
    /// Listens on a free port; a v4-mapped address makes an IPv6 socket.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn open(ip: impl Into<IpAddr>) -> Result<Self> {
        Self::open_at(SocketAddr::new(ip.into(), 0))
    }

    /// Listens on a port.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn open_at(address: SocketAddr) -> Result<Self> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
        let address = listener.local_addr().context("read the address of a listener")?;
        Ok(Self { listener, address })
    }

    /// A client end from the namespace of the calling thread, and the accepted end.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn pair(&self) -> Result<(TcpStream, TcpStream)> {
        let client = TcpStream::connect(self.address)
            .with_context(|| format!("connect to {}", self.address))?;
        Ok((client, self.accept()?))
    }

    /// The server end of the next connection.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn accept(&self) -> Result<TcpStream> {
        Ok(self.listener.accept().with_context(|| format!("accept at {}", self.address))?.0)
    }
}

/// A listener with a backlog of its own, at an address that may have old connections.
///
/// # Errors
/// If the kernel refuses.
pub fn listen(address: SocketAddr, backlog: i32) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .context("make a socket")?;
    socket.set_reuse_address(true).context("let the address be used again")?;
    socket
        .bind(&address.into())
        .and_then(|()| socket.listen(backlog))
        .with_context(|| format!("listen at {address}"))?;
    Ok(socket.into())
}

/// Accepts for as long as the process lives and serves each connection on a thread of its own.
///
/// # Errors
/// If a thread cannot be started.
pub fn serve(
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
        // A client that goes away is no error of the server.
        spawn(move || drop(work(stream)))?;
    }
    Ok(())
}

/// Starts a thread that is not joined; it ends with the process at the latest.
///
/// # Errors
/// If the kernel refuses.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
        .context("start a thread for a connection")
}

/// Parks the thread, with all that the caller holds, for as long as the process lives.
pub fn stay() -> ! {
    loop {
        std::thread::park();
    }
}

/// Answers one request.
///
/// # Errors
/// If the peer goes away.
pub fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; REQUEST];
    stream.read_exact(&mut bytes)?;
    stream.write_all(&bytes)
}

/// Sends back what comes, until the peer closes.
///
/// # Errors
/// If the peer goes away without closing.
pub fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 8192];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            length => stream.write_all(&bytes[..length])?,
        }
    }
}

/// Connects; reads of the stream have a time limit.
///
/// # Errors
/// If the kernel refuses, or nobody answers.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
    stream.set_nodelay(true).context("send at once")?;
    Ok(stream)
}

/// One request and its whole answer.
///
/// # Errors
/// If the peer goes away.
pub fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&[b'?'; REQUEST]).context("send a request")?;
    stream.read_exact(&mut [0; REQUEST]).context("read the answer")
}

/// Closes by a reset.
///
/// # Errors
/// If the kernel refuses the option `SO_LINGER`.
pub fn abort(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}

/// Begins to connect and does not wait.
///
/// # Errors
/// If the kernel refuses at once.
pub fn begin(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(nix::errno::Errno::EINPROGRESS as i32) => {
            Err(error)
        }
        _ => Ok(socket),
    }
}
