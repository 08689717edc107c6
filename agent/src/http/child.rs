//! The process that speaks HTTP: `tcpwarden http`, started by the agent alone.
//!
//! It gets a listener and its lanes, locks itself in, and serves. Whatever it parses, it has no
//! capability, no file, and no way to another process but its questions.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use anyhow::Context as _;
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::access::Access;
use super::lane::Lanes;
use super::listener::Incoming;
use super::routes::router;
use super::serve::serve;
use crate::exit::{self, Error};
use crate::{handover, log, sandbox};

/// The command by which the agent starts it.
pub(crate) const COMMAND: &str = "http";
/// Its name in the process list.
const NAME: &std::ffi::CStr = c"tcpwarden-http";

/// What the agent tells it.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ChildArgs {
    /// Which clients /api answers
    #[arg(long)]
    access: Access,
    /// The filter of the log
    #[arg(long)]
    pub log: String,
}

/// Serves what comes by standard input, a socket, until that is closed.
///
/// # Errors
/// If standard input is no socket of the agent.
pub fn run(arguments: &ChildArgs) -> Result<u8, Error> {
    let _ = rustix::thread::set_name(NAME);
    log::open();
    sandbox::set_apart().context("cannot set the HTTP process apart")?;
    // Single-threaded: inside the sandbox no thread can be started.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the HTTP runtime")?;
    let _runtime = runtime.enter();
    let (life, incoming, lanes) =
        given().context("this command is for the agent alone: it wants its sockets")?;
    let shared = [incoming.as_fd(), log::target()];
    match sandbox::enter(sandbox::HTTP, &shared) {
        Ok(None) => tracing::debug!("the HTTP process is locked in"),
        Ok(Some(lacks)) => tracing::info!("{lacks}"),
        Err(error) => tracing::warn!("the HTTP process is not locked in: {error:#}"),
    }
    let router = router(lanes.clone(), arguments.access);
    runtime.block_on(serve(incoming, router, end(life, lanes)));
    Ok(exit::OK)
}

/// Takes over what the agent hands over.
fn given() -> io::Result<(tokio::net::UnixStream, Incoming, Lanes)> {
    let life = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let files: [OwnedFd; Lanes::COUNT + 1] = handover::receive(&life)?
        .try_into()
        .map_err(|files: Vec<_>| io::Error::other(format!("{} files came", files.len())))?;
    life.set_nonblocking(true)?;
    let [listener, lanes @ ..] = files;
    Ok((
        tokio::net::UnixStream::from_std(life)?,
        Incoming::new(listener)?,
        Lanes::new(lanes.map(UnixStream::from))?,
    ))
}

/// Says that it serves, then returns when the agent has ended or does not answer any more.
async fn end(mut life: tokio::net::UnixStream, lanes: Lanes) {
    let told = async {
        let _ = life.write_all(&[0]).await;
        let _ = life.read(&mut [0]).await;
    };
    tokio::select! {
        () = told => {}
        () = lanes.broken() => tracing::warn!("the agent does not answer its HTTP process"),
    }
}
