//! Hands open files to a child over a socket pair.
//!
//! Used by `lister` and `http`. The child gets them by `SCM_RIGHTS` (`unix(7)`), so what it may use
//! is what it was given, and nothing has to be left open for it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The most files that are handed over at once; the kernel takes 253 (`SCM_MAX_FD`).
const MOST: usize = 64;

/// Sends up to [`MOST`] files, with one byte.
///
/// # Errors
/// What sending says, and an error of its own for more files.
pub(crate) fn send(socket: &UnixStream, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("the descriptors do not fit into a message"));
    }
    let one = [IoSlice::new(&[0])];
    sendmsg(socket, &one, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Returns the files that come next; none if the other end is closed.
///
/// # Errors
/// What receiving says.
pub(crate) fn receive(socket: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let messages = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    Ok(messages.flatten().collect())
}
