//! The loads: what each does, and the process that does it.
//!
//! A load is a process that stays through all rounds and works when it is told to. It works in
//! short batches and takes the time of each, because the fastest batches of a slot are those that
//! nobody else on the machine disturbed: they can be compared where means cannot. Every thread of a
//! load stays on one CPU and does both ends of its connections itself, so that no scheduler comes
//! between them.

pub(super) mod crowd;
mod flip;
pub(super) mod place;
pub(crate) mod run;
mod storm;
mod stream;

use anyhow::{Context as _, Result};

use place::{Batch, Place};

/// One load.
#[derive(Debug)]
pub(crate) struct Spec {
    /// How it is called on the command line.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// What it counts.
    pub(super) unit: &'static str,
    /// How many of these a batch is.
    pub(super) batch: u32,
    /// Threads, each on a CPU of its own and with a listener of its own.
    pub(super) threads: usize,
    /// Whether its servers are in a second network namespace, behind a cable.
    pub(super) cable: bool,
    /// Segments with data that the servers' side drops, in a thousand.
    pub(super) loss: u32,
    /// The share of its transitions that end in CLOSE: their records are larger than the others.
    pub(super) closing: f64,
    /// Whether the peers watch it too.
    pub(super) peers: bool,
    /// Whether the yardstick and the empty program watch it too.
    pub(super) yardstick: bool,
    /// Makes the sockets of one thread.
    pub(super) make: fn(Place) -> Result<Batch>,
}

const STORM: Spec = Spec {
    name: "storm",
    about: "connect, accept, close, close on loopback, one thread: 10 transitions a connection, \
        the worst case there is",
    unit: "connections",
    batch: storm::BATCH,
    threads: 1,
    cable: false,
    loss: 0,
    closing: 0.2,
    peers: true,
    yardstick: true,
    make: storm::make,
};

/// All of them, in the order in which they run.
pub(super) const ALL: [Spec; 8] = [
    STORM,
    Spec {
        name: "flip",
        about: "one socket goes to LISTEN and back, by listen() and shutdown(): a transition in \
            about a microsecond",
        unit: "transitions",
        batch: 2 * flip::BATCH,
        closing: 0.5,
        peers: false,
        make: flip::make,
        ..STORM
    },
    Spec {
        name: "storm-veth",
        about: "the storm between two network namespaces joined by a veth pair",
        cable: true,
        peers: false,
        yardstick: false,
        ..STORM
    },
    Spec {
        name: "flip-2",
        about: "two flips at once, on two CPUs: the most records a second that two CPUs can make",
        unit: "transitions",
        batch: 2 * flip::BATCH,
        threads: 2,
        closing: 0.5,
        peers: false,
        yardstick: false,
        make: flip::make,
        ..STORM
    },
    Spec {
        name: "storm-2",
        about: "two storms on loopback at once, on two CPUs",
        threads: 2,
        peers: false,
        yardstick: false,
        ..STORM
    },
    Spec {
        name: "kept",
        about: "requests of 64 bytes and their answers over 16 kept connections on loopback",
        unit: "requests",
        batch: stream::REQUESTS,
        peers: false,
        yardstick: false,
        make: stream::kept,
        ..STORM
    },
    Spec {
        name: "bulk",
        about: "one connection that carries all it can over a veth pair",
        unit: "MiB",
        batch: stream::MEBIBYTES,
        cable: true,
        peers: false,
        yardstick: false,
        make: stream::bulk,
        ..STORM
    },
    Spec {
        name: "loss",
        about: "as bulk, unsegmented, while 5 of 1000 data segments are dropped and have to be \
            retransmitted",
        unit: "MiB",
        batch: 1,
        cable: true,
        loss: 5,
        peers: false,
        yardstick: false,
        make: stream::loss,
        ..STORM
    },
];

/// The load of a name.
pub(crate) fn find(name: &str) -> Result<&'static Spec> {
    let names = || ALL.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
    ALL.iter()
        .find(|spec| spec.name == name)
        .with_context(|| format!("there is no load {name:?}; there are {}", names()))
}
