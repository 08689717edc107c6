//! What other threads ask of the ingest thread, and what it asks of them.

use std::sync::mpsc::{Sender, SyncSender};

use super::decode::Record;
use crate::conn::{Covered, PassSummary};
use crate::pressure::netns::Facts;

/// What the reconcile thread asks.
#[derive(Debug)]
pub enum Command {
    /// A pass begins.
    Begin,
    /// What a network namespace tells of itself, sent before its list.
    Facts(Facts),
    /// Records of the kernel's lists, read before this was sent.
    Piece(Vec<Record>),
    /// The pass has read these lists to their ends. The answer is what it found.
    End(Covered, Sender<PassSummary>),
    /// The pass failed; it is dropped.
    Abort,
}

/// The channels through which the thread asks for work. Each holds one request, which is enough.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Asks for a reconcile pass, because something was lost.
    pub pass: SyncSender<()>,
    /// Asks for the workload of a cgroup that has appeared.
    pub workload: SyncSender<()>,
}
