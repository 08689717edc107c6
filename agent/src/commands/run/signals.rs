//! Waits for the end of the agent: SIGINT, SIGTERM, or a dead ingest thread.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::SILENCE;
use crate::ingest::Handle;

/// The signals that end the agent, caught from the start.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them. Must be called inside a runtime.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Returns when a signal has come, or when the ingest thread is dead for a minute.
    pub(super) async fn stop(mut self, ingest: Handle) {
        let dead = async {
            while Duration::from_nanos(ingest.silent_for()) < SILENCE * 6 {
                tokio::time::sleep(SILENCE).await;
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("interrupted"),
            _ = self.terminate.recv() => tracing::info!("asked to end"),
            () = dead => tracing::error!("the ingest thread does not answer"),
        }
    }
}
