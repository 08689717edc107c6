//! The process that speaks HTTP: `tcpwarden http`, started by the agent alone.
//!
//! It gets listeners and its lanes, locks itself in, and serves. Whatever it parses, it has no
//! capability, no file, and no way to another process but its questions.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::access::Access;
use super::lane::Lanes;
use super::listener::Incoming;
use super::passwords::Passwords;
use super::routes::router;
use super::serve::serve;
use super::web::Web;
use crate::exit::{self, Error};
use crate::{handover, log, sandbox};

/// The command by which the agent starts it.
pub(crate) const COMMAND: &str = "http";
/// Its name in the process list.
const NAME: &std::ffi::CStr = c"tcpwarden-http";

/// What the agent tells it.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ChildArgs {
    /// Which clients /api answers, for each listener in order
    #[arg(long, required = true)]
    access: Vec<Access>,
    /// That a socket with a web configuration comes too
    #[arg(long)]
    web: bool,
    /// The filter of the log
    #[arg(long)]
    pub log: String,
    /// The form of the log
    #[arg(long)]
    pub log_format: log::Format,
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
    let Given { life, incoming, lanes, web } = given(&arguments.access, arguments.web)
        .context("this command is for the agent alone: it wants its sockets")?;
    // Inside the sandbox no thread can be started.
    let web = web.map(|socket| Ok::<_, io::Error>((socket, verifier()?))).transpose();
    let web = web.context("cannot start the thread that verifies passwords")?;
    let shared: Vec<_> = incoming.descriptors().chain([log::target()]).collect();
    lock_in("the HTTP process", sandbox::HTTP, &shared);
    let router = router(lanes.clone());
    runtime.block_on(async {
        let (web, later) = match web {
            None => (None, None),
            Some((mut socket, passwords)) => {
                let web = Web::first(&mut socket, passwords).await;
                let web = Arc::new(web.context("cannot take the web configuration")?);
                (Some(Arc::clone(&web)), Some(web.follow(socket)))
            }
        };
        serve(incoming, router, web, end(life, lanes, later)).await;
        Ok(exit::OK)
    })
}

/// Starts the thread that verifies passwords, which locks itself in too.
fn verifier() -> io::Result<Passwords> {
    let (passwords, worker) = Passwords::new()?;
    worker.start(|| lock_in("the thread that verifies passwords", &[], &[]))?;
    Ok(passwords)
}

fn lock_in(who: &str, calls: &[libc::c_long], shared: &[BorrowedFd<'_>]) {
    match sandbox::enter(calls, shared) {
        Ok(None) => tracing::debug!("{who} is locked in"),
        Ok(Some(lacks)) => tracing::info!("{lacks}"),
        Err(error) => tracing::warn!("{who} is not locked in: {error:#}"),
    }
}

/// What the agent hands over.
struct Given {
    life: tokio::net::UnixStream,
    incoming: Incoming,
    lanes: Lanes,
    web: Option<tokio::net::UnixStream>,
}

/// Takes over what the agent hands over.
fn given(access: &[Access], has_web: bool) -> io::Result<Given> {
    let life = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut files = handover::receive(&life)?;
    let web = if has_web { files.pop() } else { None };
    let lanes = files.split_off(access.len().min(files.len()));
    let lanes: [OwnedFd; Lanes::COUNT] = lanes
        .try_into()
        .map_err(|lanes: Vec<_>| io::Error::other(format!("{} lanes came", lanes.len())))?;
    life.set_nonblocking(true)?;
    let web = web.map(UnixStream::from).map(tokio::net::UnixStream::from_std).transpose()?;
    Ok(Given {
        life: tokio::net::UnixStream::from_std(life)?,
        incoming: Incoming::new(files.into_iter().zip(access.iter().copied()))?,
        lanes: Lanes::new(lanes.map(UnixStream::from))?,
        web,
    })
}

/// Says that it serves, then returns when the agent has ended or does not answer any more.
async fn end(
    mut life: tokio::net::UnixStream,
    lanes: Lanes,
    later: Option<impl Future<Output = ()>>,
) {
    let later = async {
        match later {
            Some(later) => later.await,
            None => std::future::pending().await,
        }
    };
    let told = async {
        let _ = life.write_all(&[0]).await;
        let _ = life.read(&mut [0]).await;
    };
    tokio::select! {
        () = told => {}
        // Without it no later configuration would come.
        () = later => {}
        () = lanes.broken() => tracing::warn!("the agent does not answer its HTTP process"),
    }
}
