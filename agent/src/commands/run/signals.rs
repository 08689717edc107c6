//! Waits for the end of the agent: SIGINT, SIGTERM, or a thread that has ended or hangs.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::SILENCE;
use super::deaths::Deaths;
use super::notify;
use crate::ingest::Handle;

/// In how many looks in a row the ingest thread has to be silent to count as dead.
const LOOKS: u32 = 6;

/// The signals that end the agent, caught from the start, and SIGHUP, which does not.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches them. Must be called inside a runtime.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
        Ok(Self { interrupt, terminate, hangup })
    }

    /// Returns when a signal that ends the agent has come, or when a thread has ended or the ingest
    /// thread hangs for a minute, which `deaths` says then. Until then the service manager hears
    /// that the agent is alive.
    pub(super) async fn stop(mut self, ingest: Handle, deaths: Deaths) {
        let (hangs, alive) = (hangs(&ingest), notify::alive(&ingest));
        tokio::pin!(hangs, alive);
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => tracing::info!("interrupted"),
                _ = self.terminate.recv() => tracing::info!("asked to end"),
                () = deaths.wait() => {}
                never = &mut alive => match never {},
                () = &mut hangs => deaths.report("the ingest thread does not answer".to_owned()),
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: the configuration is read at the start only; restart");
                    continue;
                }
            }
            return;
        }
    }
}

/// Returns when the ingest thread has been silent for a minute in which this process ran.
async fn hangs(ingest: &Handle) {
    let mut silent = 0;
    while silent < LOOKS {
        let begun = Instant::now();
        sleep(SILENCE).await;
        silent = next(silent, begun.elapsed(), Duration::from_nanos(ingest.silent_for()));
    }
}

/// Returns in how many looks in a row the thread was silent, after one more. A look that comes late
/// does not count: the process was stopped, and the thread has not had its turn yet.
fn next(silent: u32, slept: Duration, silence: Duration) -> u32 {
    if silence < SILENCE || slept >= SILENCE * 2 { 0 } else { silent + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_stopped_with_its_process_does_not_hang() {
        let second = Duration::from_secs;
        assert_eq!(next(5, second(10), second(70)), 6, "it hangs");
        assert_eq!(next(5, second(62), second(70)), 0, "the process was stopped for a minute");
        assert_eq!(next(5, second(10), second(1)), 0, "it answers");
    }
}
