//! Binds the address: a TCP port, or a socket file that only owner and group may use.
//!
//! `run` binds before anything else is started; the HTTP process gets the listener and accepts.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, lchown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use tokio::io::{AsyncRead, AsyncWrite};

use super::places::Peer;
use crate::config::Listen;
use crate::exit::Error;

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A bound address and its name.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: OwnedFd,
    name: String,
    /// Removes the socket file when it is dropped.
    _file: Option<SocketFile>,
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

/// The listener in the process that accepts.
#[derive(Debug)]
pub(super) enum Incoming {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl AsFd for Incoming {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Incoming {
    /// Takes over a listener of either kind, which does not block. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// If it is no listener, and what the runtime says.
    pub(super) fn new(listener: OwnedFd) -> io::Result<Self> {
        let unix = UnixListener::from(listener);
        if unix.local_addr().is_ok() {
            return Ok(Self::Unix(tokio::net::UnixListener::from_std(unix)?));
        }
        let tcp = TcpListener::from(OwnedFd::from(unix));
        Ok(Self::Tcp(tokio::net::TcpListener::from_std(tcp)?))
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Accepted::Tcp(stream), Some(address.ip().to_canonical()))
            }
            Self::Unix(listener) => (Accepted::Unix(listener.accept().await?.0), None),
        })
    }
}

/// Removes the socket file when it is dropped, unless another file has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Bound {
    /// Binds the address. A socket file is for the `group` of this id, or for that of the agent.
    ///
    /// # Errors
    /// [`Error::Listen`], which names the address and what to do.
    pub(crate) fn take(listen: &Listen, group: Option<u32>) -> Result<Self, Error> {
        let refused = |source| Error::Listen { addr: listen.to_string(), source };
        match listen {
            Listen::Tcp(address) => tcp(*address),
            Listen::Unix(path) => unix(path, group),
        }
        .map_err(refused)
    }

    /// Says that clients of a TCP address must speak TLS.
    #[must_use]
    pub(crate) fn over_tls(mut self) -> Self {
        self.name = self.name.replacen("http://", "https://", 1);
        self
    }

    /// Returns the address for clients: `http://127.0.0.1:10793/metrics` (with the real port, if
    /// port 0 was requested), or `unix:/path`.
    #[must_use]
    pub(crate) fn url(&self) -> &str {
        &self.name
    }

    /// Returns the listener for the process that accepts; it does not block.
    ///
    /// # Errors
    /// If no descriptor is left.
    pub(super) fn listener(&self) -> io::Result<OwnedFd> {
        self.listener.as_fd().try_clone_to_owned()
    }
}

fn tcp(address: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let name = format!("http://{}/metrics", listener.local_addr()?);
    Ok(Bound { listener: listener.into(), name, _file: None })
}

fn unix(path: &Path, group: Option<u32>) -> io::Result<Bound> {
    remove_stale(path)?;
    // The file has its mode from the start, and no other file can take its place before a chmod.
    let before = umask(Mode::from_bits_truncate(!0o660));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    listener.set_nonblocking(true)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path) };
    if let Some(group) = group {
        // Until now only the agent's own group may use it.
        lchown(path, None, Some(group)).map_err(|error| not_given(group, &error))?;
    }
    Ok(Bound {
        listener: listener.into(),
        name: format!("unix:{}", path.display()),
        _file: Some(file),
    })
}

fn not_given(group: u32, error: &io::Error) -> io::Error {
    let text = format!(
        "the file cannot be given to the group {group} ({error}): the agent needs CAP_CHOWN, or to \
         be in that group (SupplementaryGroups= in a unit)"
    );
    io::Error::new(error.kind(), text)
}

/// Removes a socket file of an earlier run: only if it is a socket on which no process answers.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is not a socket is in the way",
            ));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
    }
}

/// Returns device and inode of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // A file that cannot be removed is removed by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}
