//! An address that the agent has bound, or that was handed to it, with who may ask there.
//!
//! `run` binds before anything else is started; the HTTP process gets the listeners and accepts.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use nix::errno::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use super::access::Access;
use super::passed::Passed;
use super::socket_file::{self, Mode, SocketFile};
use crate::config::Listen;
use crate::exit::Error;

/// How many connections may wait to be accepted, as of a listener of the standard library.
const BACKLOG: i32 = 4096;

/// A bound address and its name.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: OwnedFd,
    name: String,
    access: Access,
    is_file: bool,
    /// Removes the socket file when it is dropped.
    own_file: Option<SocketFile>,
}

impl Bound {
    /// Binds an address. A socket file is for the `group` of this id, or for that of the agent.
    /// `access` says who may ask on a TCP address.
    ///
    /// # Errors
    /// [`Error::Listen`], which names the address and what to do.
    pub(crate) fn take(listen: &Listen, group: Option<u32>, access: Access) -> Result<Self, Error> {
        let refused = |source| Error::Listen { addr: listen.to_string(), source };
        match listen {
            Listen::Tcp(address) => bind(*address).and_then(|one| Self::tcp(one, access)),
            Listen::Unix(path) => Self::file(path, Mode::Group(group)),
        }
        .map_err(refused)
    }

    /// Makes the socket file beside the addresses, and its folder if that is missing. It is for
    /// the agent's user alone, or also for the `group` of this id.
    ///
    /// # Errors
    /// Why there is none: a living agent has it, a file that is no socket is in the way, or it
    /// cannot be made.
    pub(crate) fn beside(path: &Path, group: Option<u32>) -> io::Result<Self> {
        socket_file::make_folder(path)?;
        Self::file(path, group.map_or(Mode::User, |group| Mode::Group(Some(group))))
    }

    /// Returns the process that listens on a socket file, if it can be told.
    pub(crate) fn holder(path: &Path) -> Option<i32> {
        socket_file::holder(path).ok().flatten()
    }

    /// Takes over a listener that a service manager has handed over. `access` says who may ask on
    /// a TCP address.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn passed(passed: Passed, access: Access) -> io::Result<Self> {
        match passed {
            Passed::Tcp(listener) => Self::tcp(listener, access),
            Passed::Unix(listener, path) => {
                listener.set_nonblocking(true)?;
                Ok(Self::of_file(listener.into(), &path, None))
            }
        }
    }

    fn tcp(listener: TcpListener, access: Access) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let name = format!("http://{}/metrics", listener.local_addr()?);
        Ok(Self { listener: listener.into(), name, access, is_file: false, own_file: None })
    }

    fn file(path: &Path, mode: Mode) -> io::Result<Self> {
        let (listener, file) = socket_file::bind(path, mode)?;
        Ok(Self::of_file(listener.into(), path, Some(file)))
    }

    fn of_file(listener: OwnedFd, path: &Path, file: Option<SocketFile>) -> Self {
        let access = if is_private(path) { Access::File } else { Access::Anyone };
        let name = format!("unix:{}", path.display());
        Self { listener, name, access, is_file: true, own_file: file }
    }

    /// Says that clients of a TCP address must speak TLS.
    #[must_use]
    pub(crate) fn over_tls(mut self) -> Self {
        if !self.is_file {
            self.name = self.name.replacen("http://", "https://", 1);
        }
        self
    }

    /// Returns the address for clients: `http://127.0.0.1:10793/metrics` (with the real port, if
    /// port 0 was requested), or `unix:/path`.
    #[must_use]
    pub(crate) fn url(&self) -> &str {
        &self.name
    }

    /// Returns which of its clients `/api` answers.
    #[must_use]
    pub(crate) const fn access(&self) -> Access {
        self.access
    }

    /// Whether its socket file was made by this agent.
    #[must_use]
    pub(crate) const fn is_own(&self) -> bool {
        self.own_file.is_some()
    }

    /// Whether it is a socket file.
    #[must_use]
    pub(crate) const fn is_file(&self) -> bool {
        self.is_file
    }

    /// Returns the listener for the process that accepts; it does not block.
    ///
    /// # Errors
    /// If no descriptor is left.
    pub(super) fn listener(&self) -> io::Result<OwnedFd> {
        self.listener.as_fd().try_clone_to_owned()
    }
}

/// Whether a socket file is not for any user. What a service manager has made may be for all
/// (SocketMode=0666 is its default), or lie where this process does not see it.
pub(crate) fn is_private(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_socket() && found.mode() & 0o002 == 0)
}

/// Binds a TCP address. Where the kernel has no IPv6, every address is every one of IPv4.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let no_ipv6 = |error: &io::Error| {
        let is_every = address.is_ipv6() && address.ip().is_unspecified();
        is_every && error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
    };
    let bound = match address {
        SocketAddr::V6(every) if every.ip().is_unspecified() => bind_both(every),
        one => TcpListener::bind(one),
    };
    match bound {
        Err(error) if no_ipv6(&error) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())),
        bound => bound,
    }
}

/// Binds every address of IPv6 and of IPv4, whatever `net.ipv6.bindv6only` says.
fn bind_both(address: SocketAddrV6) -> io::Result<TcpListener> {
    let socket =
        net::socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}
