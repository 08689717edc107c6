//! The child that reads lists: `tcpwarden lister`, started by the agent alone.
//!
//! It is locked in by `sandbox` and knows nothing: a descriptor comes in, its bytes go out.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use anyhow::Context as _;

use super::frame::{Frame, PIECE};
use crate::exit::{self, Error};
use crate::{handover, sandbox};

/// The command by which the agent starts it.
pub const COMMAND: &str = "lister";
/// Its name in the process list.
const NAME: &std::ffi::CStr = c"tcpwarden-list";

/// Reads the lists that come by standard input, a socket, until that is closed.
///
/// # Errors
/// If standard input is no socket of the agent.
pub fn run() -> Result<u8, Error> {
    let _ = rustix::thread::set_name(NAME);
    sandbox::set_apart().context("set the lister apart")?;
    let input = io::stdin().as_fd().try_clone_to_owned().context("take over standard input")?;
    let socket = UnixStream::from(input);
    // It has no log. Without the filter it still has no capability.
    let _ = sandbox::enter(sandbox::LISTER, &[]);
    while let Some(list) =
        receive(&socket).context("this command is for the agent alone: it wants a socket")?
    {
        if copy(list, &socket).is_err() {
            // The agent has given the list up, or has ended.
            break;
        }
    }
    Ok(exit::OK)
}

/// Returns the next list; `None` at the end.
fn receive(socket: &UnixStream) -> io::Result<Option<File>> {
    Ok(handover::receive(socket)?.pop().map(File::from))
}

/// Copies a list to the agent, with its end or its error.
fn copy(mut list: File, mut to: &UnixStream) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match list.read(&mut buffer) {
            Ok(0) => return Frame::End.write(to),
            Ok(length) => {
                Frame::Piece(length).write(to)?;
                to.write_all(&buffer[..length])?;
            }
            // After a million objects without output the kernel asks to be called again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Frame::Error(error.raw_os_error().unwrap_or_default()).write(to),
        }
    }
}
