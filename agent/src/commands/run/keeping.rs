//! The thread that reads the history of the agent before, and writes that of this one.
//!
//! Guarantee: a directory that hangs, and an end of this thread, cost the history and nothing else:
//! no other thread waits for it, but `threads` for a moment at the end.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::history::{History, Moment, StateFile};
use crate::kernel::privileges;
use crate::spawn;

/// The thread, and what stops it.
pub(super) struct Keeping {
    thread: JoinHandle<()>,
    stop: SyncSender<()>,
}

impl Keeping {
    /// Starts it; `None` without a directory.
    pub(super) fn start(
        directory: Option<&Path>,
        history: &History,
    ) -> anyhow::Result<Option<Self>> {
        let Some(directory) = directory.map(Path::to_owned) else { return Ok(None) };
        let (stop, stopped) = sync_channel(1);
        let history = history.clone();
        let work = move || keep(&directory, &history, &stopped);
        // Without the guard of the other threads: no number stands still without this one.
        let thread = spawn::thread("history", work)?;
        Ok(Some(Self { thread, stop }))
    }

    /// Has the history written once more; the thread ends after that.
    pub(super) fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.thread
    }
}

/// Takes the history of the agent before this one over, then writes this one's.
fn keep(directory: &Path, history: &History, stopped: &Receiver<()>) {
    if let Err(error) = privileges::drop_all() {
        tracing::warn!(%error, "the thread of the history keeps its privileges");
    }
    let directory_shown = directory.display();
    let file = match StateFile::in_directory(directory) {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(
                %error,
                "cannot use {directory_shown}: the history ends with this agent"
            );
            return;
        }
    };
    if let Err(error) = file.load(history, Moment::now()) {
        tracing::warn!(%error, "cannot read the history in {directory_shown}: it begins anew");
    }
    file.run(history, stopped);
}
