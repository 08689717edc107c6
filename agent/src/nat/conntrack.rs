//! A socket to the connection tracking of one network namespace.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::message::{self, Answer};
use super::{Ends, Look};

/// How long an answer may take. The kernel has made it before the question is sent
/// (`netlink_unicast_kernel`).
const PATIENCE: Duration = Duration::from_millis(200);
/// How many messages are read at the most after a question: its answer, and late ones.
const MESSAGES: usize = 4;

/// The socket. It stays in the namespace in which it was opened, wherever the thread is.
pub(super) struct Conntrack {
    socket: OwnedFd,
    sequence: u32,
    answer: Vec<u8>,
}

impl Conntrack {
    /// Opens it in the namespace of the calling thread.
    ///
    /// # Errors
    /// Where the kernel has no netfilter, or the thread may make no netlink socket.
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::NETFILTER),
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, answer: vec![0; message::MOST] })
    }
}

impl Look for Conntrack {
    fn beyond(&mut self, ends: Ends) -> io::Result<Option<Ends>> {
        self.sequence = self.sequence.wrapping_add(1);
        let Some(question) = message::question(ends, self.sequence) else { return Ok(None) };
        // Without an address it goes to the kernel.
        retry_on_intr(|| send(&self.socket, &question, SendFlags::empty()))?;
        for _ in 0..MESSAGES {
            let (read, _) =
                retry_on_intr(|| recv(&self.socket, &mut self.answer[..], RecvFlags::empty()))?;
            let bytes = self.answer.get(..read).unwrap_or_default();
            match message::answer(bytes) {
                // Of a question that was given up.
                Some((sequence, _)) if sequence != self.sequence => {}
                Some((_, Answer::Entry(entry))) => return Ok(entry.beyond(ends)),
                Some((_, Answer::Error(number))) if number == Errno::NOENT.raw_os_error() => {
                    return Ok(None);
                }
                Some((_, Answer::Error(number))) => {
                    return Err(io::Error::from_raw_os_error(number));
                }
                None => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}
