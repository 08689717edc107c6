//! The listeners in the process that accepts.
//!
//! Used by `child`, which gets them from the agent, and `serve`.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::access::Access;
use super::places::Peer;

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The stream of a connection that was accepted.
pub(super) enum Accepted {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

/// A connection that was accepted.
pub(super) struct Arrival {
    pub(super) stream: Accepted,
    pub(super) peer: Peer,
    /// Whether both of its ends have a loopback address.
    pub(super) is_near: bool,
    /// Which clients of its listener `/api` answers.
    pub(super) access: Access,
}

/// One listener.
#[derive(Debug)]
enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listener {
    fn poll(&self, context: &mut Context<'_>, access: Access) -> Poll<io::Result<Arrival>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(context).map_ok(|(stream, address)| {
                let peer = address.ip().to_canonical();
                let asked = stream.local_addr().map(|address| address.ip().to_canonical());
                let is_near = peer.is_loopback() && asked.is_ok_and(|asked| asked.is_loopback());
                Arrival { stream: Accepted::Tcp(stream), peer: Some(peer), is_near, access }
            }),
            Self::Unix(listener) => listener.poll_accept(context).map_ok(|(stream, _address)| {
                Arrival { stream: Accepted::Unix(stream), peer: None, is_near: true, access }
            }),
        }
    }
}

/// The listeners, each with its access.
#[derive(Debug)]
pub(super) struct Incoming {
    listeners: Vec<(Listener, Access)>,
    /// The one that is looked at first, so that a busy one keeps no other waiting.
    next: usize,
}

impl Incoming {
    /// Takes over listeners of either kind, which do not block. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// If one is no listener, and what the runtime says.
    pub(super) fn new(all: impl IntoIterator<Item = (OwnedFd, Access)>) -> io::Result<Self> {
        let of = |(listener, access)| {
            let unix = UnixListener::from(listener);
            if unix.local_addr().is_ok() {
                let listener = tokio::net::UnixListener::from_std(unix)?;
                return Ok((Listener::Unix(listener), access));
            }
            let tcp = TcpListener::from(OwnedFd::from(unix));
            Ok((Listener::Tcp(tokio::net::TcpListener::from_std(tcp)?), access))
        };
        let listeners = all.into_iter().map(of).collect::<io::Result<_>>()?;
        Ok(Self { listeners, next: 0 })
    }

    /// Returns the descriptors.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.listeners.iter().map(|(listener, _access)| match listener {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        })
    }

    /// Waits for the next connection of any of them.
    pub(super) async fn accept(&mut self) -> io::Result<Arrival> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        for step in 0..self.listeners.len() {
            let place = (self.next + step) % self.listeners.len();
            let (listener, access) = &self.listeners[place];
            if let Poll::Ready(accepted) = listener.poll(context, *access) {
                self.next = place + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_busy_listener_keeps_no_other_waiting() {
        let bind = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            (listener.local_addr().unwrap(), listener)
        };
        let ((busy, first), (calm, second)) = (bind(), bind());
        let all = [(first.into(), Access::Known), (second.into(), Access::Local)];
        let mut incoming = Incoming::new(all).unwrap();
        let mut clients: Vec<_> = (0..20).map(|_| TcpStream::connect(busy).unwrap()).collect();
        clients.push(TcpStream::connect(calm).unwrap());
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(incoming.accept().await.unwrap().access);
        }
        assert_eq!(seen, [Access::Known, Access::Local, Access::Known]);
    }
}
