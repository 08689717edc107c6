//! The flip: one bound socket, to LISTEN and back to CLOSE. Both transitions happen in the task's
//! own context and nothing else does, so that what a program on the hook costs stands out of the
//! noise.

use std::net::{Ipv4Addr, Shutdown, SocketAddrV4};

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};

use super::place::{Batch, Place};

/// Flips of a batch, two transitions each.
pub(super) const BATCH: u32 = 256;

/// One socket, bound.
pub(super) fn make(_: Place) -> Result<Batch> {
    let socket =
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).context("make a socket")?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).context("bind a socket")?;
    Ok(Box::new(move || {
        for _ in 0..BATCH {
            socket.listen(1).context("listen")?;
            socket.shutdown(Shutdown::Both).context("stop listening")?;
        }
        Ok(())
    }))
}
