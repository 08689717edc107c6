//! The storm: connections that are made and ended one after the other.

use std::net::TcpStream;

use anyhow::{Context as _, Result};

use super::place::{Batch, Place};

/// Connections of a batch.
pub(super) const BATCH: u32 = 64;
/// Destination addresses: with one, its ports would be used up within two seconds.
const ADDRESSES: u32 = 200;

/// A listener and a counter that chooses the address.
pub(super) fn make(place: Place) -> Result<Batch> {
    let listener = place.listen()?;
    let addresses =
        (0..ADDRESSES).map(|n| place.address(n, &listener)).collect::<Result<Vec<_>>>()?;
    let mut next = addresses.into_iter().cycle();
    Ok(Box::new(move || {
        for _ in 0..BATCH {
            let client =
                TcpStream::connect(next.next().context("no address")?).context("connect")?;
            let (server, _) = listener.accept().context("accept")?;
            drop(client);
            drop(server);
        }
        Ok(())
    }))
}
