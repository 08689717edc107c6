//! Where connections of a group lead to.
//!
//! Counted by `survey`, shown by `suspect`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::conn::RowView;

/// Where connections lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The peer's address.
    pub(crate) address: IpAddr,
    /// Its port; 0 at a server.
    pub(crate) port: u16,
    /// How many connections lead there.
    pub(crate) connections: u64,
}

impl Target {
    /// Returns where connections lead to.
    pub(crate) fn new(row: &RowView, connections: u64) -> Self {
        Self { address: row.peer_address.to_canonical(), port: row.peer_port, connections }
    }
}
