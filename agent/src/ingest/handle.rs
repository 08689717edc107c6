//! What other threads hold of the ingest thread: to wake it, to stop it, and to see whether it
//! still works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mio::Waker;

use crate::clock::monotonic;

/// The handle of the thread, for other threads.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) waker: Arc<Waker>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) beat: Arc<AtomicU64>,
}

impl Handle {
    /// Makes the thread look at its commands now.
    pub fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            // The thread looks by itself within a drain interval.
            tracing::debug!(%error, "cannot wake the ingest thread");
        }
    }

    /// Asks the thread to drain the rings and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Returns the time since the thread last began a round, nanoseconds.
    #[must_use]
    pub fn silent_for(&self) -> u64 {
        monotonic().saturating_sub(self.beat.load(Ordering::Acquire))
    }
}
