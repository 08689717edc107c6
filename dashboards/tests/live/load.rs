//! Connections of the test's own, on loopback: few enough for every alert about connections.

use std::io::IoSlice;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use testkit::netns::Netns;
use testkit::traffic::Site;

/// Connections to each port in a burst, one burst a second: half of what counts as missing pooling.
const EACH: usize = 5;
/// Bursts that connections stay open.
const LIVES: usize = 3;
/// Descriptors in one message; the kernel takes 253.
const MESSAGE: usize = 100;

/// Goes on until it is dropped.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Each second opens a few connections to each of so many ports and closes those of three seconds
/// before.
pub(crate) fn bursts(ports: usize) -> Result<Load> {
    let sites: Vec<Site> =
        (0..ports).map(|_| Site::open(Ipv4Addr::LOCALHOST)).collect::<Result<_>>()?;
    let over = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&over);
    let thread = spawn(move || {
        let mut open = std::collections::VecDeque::new();
        while !end.load(Ordering::Relaxed) {
            open.push_back(
                sites
                    .iter()
                    .flat_map(|site| (0..EACH).map(|_| site.pair().expect("connect on loopback")))
                    .collect::<Vec<_>>(),
            );
            if open.len() > LIVES {
                open.pop_front();
            }
            sleep(Duration::from_secs(1));
        }
    });
    Ok(Load { over, thread: Some(thread) })
}

/// So many sockets that nobody has any more, and their peers. They stay for four minutes with this
/// timeout (`tcp_rcv_state_process`, 6.18), and end when this is dropped.
pub(crate) fn orphans(count: usize) -> Result<(Netns, Vec<TcpStream>)> {
    let netns = Netns::new()?;
    netns.sysctl("net/ipv4/tcp_fin_timeout", "300")?;
    let peers = netns.enter(|| {
        let site = Site::open(Ipv4Addr::LOCALHOST)?;
        let pairs: Vec<_> = (0..count).map(|_| site.pair()).collect::<Result<_>>()?;
        Ok::<_, anyhow::Error>(pairs.into_iter().map(|(_, server)| server).collect())
    })??;
    Ok((netns, peers))
}

/// So many connections with both ends in flight between two unix sockets; they stay there until
/// both are dropped.
pub(crate) fn in_flight(connections: usize) -> Result<(OwnedFd, OwnedFd)> {
    let site = Site::open(Ipv4Addr::LOCALHOST)?;
    let (sender, receiver) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
            .context("make a pair of unix sockets")?;
    let pairs: Vec<(TcpStream, TcpStream)> =
        (0..connections).map(|_| site.pair()).collect::<Result<_>>()?;
    let ends: Vec<RawFd> = pairs
        .iter()
        .flat_map(|(client, server)| [client.as_raw_fd(), server.as_raw_fd()])
        .collect();
    for part in ends.chunks(MESSAGE) {
        sendmsg::<()>(
            sender.as_raw_fd(),
            &[IoSlice::new(b"x")],
            &[ControlMessage::ScmRights(part)],
            MsgFlags::empty(),
            None,
        )
        .context("send descriptors")?;
    }
    Ok((sender, receiver))
}
