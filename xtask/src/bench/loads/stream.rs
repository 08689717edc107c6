//! Loads that make no connections: requests over kept ones, and bulk transfer with and without
//! loss.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result};
use testkit::traffic::Site;

use super::place::{Batch, Place};

/// Requests of a batch.
pub(super) const REQUESTS: u32 = 128;
/// MiB of a batch of bulk transfer.
pub(super) const MEBIBYTES: u32 = 8;
const CONNECTIONS: usize = 16;
const REQUEST: usize = 64;
/// What is written before it is read: less than any default buffer, so that nobody waits for room.
const CHUNK: usize = 32 << 10;
/// Chunks of a MiB.
const CHUNKS: u32 = 32;

/// Both ends of a connection.
fn pair(place: Place) -> Result<(TcpStream, TcpStream)> {
    let listener = place.listen()?;
    let (client, server) =
        Site { address: place.address(0, &listener)?.into(), listener }.pair()?;
    for end in [&client, &server] {
        end.set_nodelay(true).context("send at once")?;
    }
    Ok((client, server))
}

/// Requests over kept connections, in turn.
pub(super) fn kept(place: Place) -> Result<Batch> {
    let mut pairs = (0..CONNECTIONS).map(|_| pair(place)).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move || {
        let mut bytes = [0; REQUEST];
        for turn in 0..REQUESTS as usize {
            let (client, server) = &mut pairs[turn % CONNECTIONS];
            client.write_all(&bytes).context("ask")?;
            server.read_exact(&mut bytes).context("read the request")?;
            server.write_all(&bytes).context("answer")?;
            client.read_exact(&mut bytes).context("read the answer")?;
        }
        Ok(())
    }))
}

/// One connection that carries all it can.
pub(super) fn bulk(place: Place) -> Result<Batch> {
    transfer(place, MEBIBYTES)
}

/// The same in smaller batches, which take longer where segments are lost.
pub(super) fn loss(place: Place) -> Result<Batch> {
    transfer(place, 1)
}

fn transfer(place: Place, mebibytes: u32) -> Result<Batch> {
    let (mut client, mut server) = pair(place)?;
    let mut bytes = vec![0; CHUNK];
    Ok(Box::new(move || {
        for _ in 0..mebibytes * CHUNKS {
            client.write_all(&bytes).context("send")?;
            server.read_exact(&mut bytes).context("receive")?;
        }
        Ok(())
    }))
}
