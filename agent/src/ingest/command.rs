//! What the ingest thread is told by others, and what it asks of them.

use std::sync::mpsc::{Sender, SyncSender};

use super::decode::Record;
use crate::conn::{Covered, PassSummary};
use crate::pressure::netns::Facts;

/// What the reconcile thread says.
#[derive(Debug)]
pub enum Command {
    /// A pass begins.
    Begin,
    /// What a network namespace tells of itself; before its list.
    Facts(Facts),
    /// Records of the kernel's lists, read before this was sent.
    Piece(Vec<Record>),
    /// The pass has read these lists to their ends; answer with what it found.
    End(Covered, Sender<PassSummary>),
    /// The pass came to nothing.
    Abort,
}

/// How the thread tells others that it wants something of them; one wish that waits is enough.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// A reconcile pass, because something was lost.
    pub pass: SyncSender<()>,
    /// The workload of a cgroup that has shown up.
    pub workload: SyncSender<()>,
}
