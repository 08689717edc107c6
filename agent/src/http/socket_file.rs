//! A socket file that only its user, or its group too, may use.
//!
//! Used by `bound`. Guarantees: the file has its mode from the start; the file of a dead agent is
//! replaced, that of a living one and what is no socket are left alone; of agents that start at
//! the same time one gets it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, lchown,
};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::{self, umask};
use rustix::fs::{FlockOperation, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// How long others may take to look for and to bind their file in the same folder. Any user who can
/// open the folder can lock it, so it is bound without the lock after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who may use the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// The agent's user: 0600.
    User,
    /// A group too, by its id, or that of the agent: 0660.
    Group(Option<u32>),
}

/// Removes the socket file when it is dropped, unless another file has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

/// Makes the folder of a file with mode 0755, unless it is there. The folder above must be there.
///
/// # Errors
/// What the kernel says.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match with_umask(0o022, || DirBuilder::new().mode(0o755).create(folder)) {
        // It can be there behind another error than that: a read-only file system.
        Err(_) if folder.is_dir() => Ok(()),
        made => made,
    }
}

/// Binds a socket file.
///
/// # Errors
/// What the kernel says; `AddrInUse` if a process answers there, `AlreadyExists` if the file in the
/// way is no socket.
pub(super) fn bind(path: &Path, mode: Mode) -> io::Result<(UnixListener, SocketFile)> {
    let _alone = path.parent().and_then(lock);
    remove_stale(path)?;
    // The file has its mode from the start, and no other file can take its place before a chmod.
    let others = match mode {
        Mode::User => 0o177,
        Mode::Group(_) => 0o117,
    };
    let listener = with_umask(others, || UnixListener::bind(path))?;
    listener.set_nonblocking(true)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path) };
    if let Mode::Group(Some(group)) = mode {
        // Until now only the agent's own group may use it.
        lchown(path, None, Some(group)).map_err(|error| not_given(group, &error))?;
    }
    Ok((listener, file))
}

/// Does something with a umask, which belongs to the process: one thread at a time.
fn with_umask<T>(bits: u32, work: impl FnOnce() -> T) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = umask(stat::Mode::from_bits_truncate(bits));
    let done = work();
    umask(before);
    done
}

fn not_given(group: u32, error: &io::Error) -> io::Error {
    let text = format!(
        "the file cannot be given to the group {group} ({error}): the agent needs CAP_CHOWN, or to \
         be in that group (SupplementaryGroups= in a unit)"
    );
    io::Error::new(error.kind(), text)
}

/// Locks a folder until what is returned is dropped; `None` if that cannot be.
fn lock(folder: &Path) -> Option<File> {
    // Opening what is no folder could wait for ever.
    let flags = (OFlags::DIRECTORY | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).ok()?;
    let folder = OpenOptions::new().read(true).custom_flags(flags).open(folder).ok()?;
    let end = Instant::now() + PATIENCE;
    while rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Some(folder)
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
    match holder(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
    }
}

/// Returns the process that listens on a socket file: that which called `listen` (`SO_PEERCRED`).
/// `None` if one does, but it cannot be told which: its queue is full, or it is in a pid namespace
/// that is not seen from here.
///
/// # Errors
/// What the kernel says; `ConnectionRefused` if no process listens.
pub(super) fn holder(path: &Path) -> io::Result<Option<i32>> {
    // One that does not accept must not keep the agent waiting.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(rustix::io::Errno::AGAIN) => return Ok(None),
        connected => connected?,
    }
    let peer = getsockopt(&socket, sockopt::PeerCredentials).ok();
    Ok(peer.map(|peer| peer.pid()).filter(|pid| *pid > 0))
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
