//! Tells the service manager how the agent is (`sd_notify(3)`): ready, alive, about to end.
//!
//! Without a manager that asks for it (`NOTIFY_SOCKET`, `WATCHDOG_USEC`) nothing is sent.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;

use super::SILENCE;
use crate::http::Bound;
use crate::ingest::Handle;

/// How often the agent says that it is alive within the time after which it counts as dead: two of
/// three words may come late.
const WORDS: u32 = 3;
/// The least time between two of them.
const LEAST: Duration = Duration::from_millis(10);

/// Says that the probes are attached and the agent serves at these addresses.
pub(super) fn ready(bound: &[Bound]) {
    let addresses: Vec<_> = bound.iter().map(Bound::url).collect();
    let status = format!("listening on {}", addresses.join(", "));
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]) {
        tracing::warn!(%error, "the service manager was not told that the agent is ready");
    }
}

/// Says that the agent ends because it was told to, or because a part of it has ended.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says again and again that the agent is alive, for as long as the ingest thread makes rounds.
/// Does nothing where no manager watches.
pub(super) async fn alive(ingest: &Handle) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let silence = || Duration::from_nanos(ingest.silent_for());
    repeat(limit, silence, || tell(&[NotifyState::Watchdog])).await
}

/// Calls `say` often enough for this limit, except while the silence is too long.
async fn repeat(limit: Duration, silence: impl Fn() -> Duration, say: impl Fn()) -> Infallible {
    let every = (limit / WORDS).max(LEAST);
    loop {
        if silence() < SILENCE {
            say();
        }
        sleep(every).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        // The manager acts on what it does not hear.
        tracing::debug!(%error, "the service manager was not told");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_alive_only_while_the_ingest_thread_makes_rounds() {
        let (silence, said) = (Cell::new(Duration::ZERO), Cell::new(0));
        let alive = repeat(Duration::from_mins(2), || silence.get(), || said.set(said.get() + 1));
        tokio::pin!(alive);
        let limit = Duration::from_secs(119);
        assert!(timeout(limit, &mut alive).await.is_err());
        assert_eq!(said.get(), 3, "at once, after 40 s and after 80 s");
        silence.set(SILENCE);
        assert!(timeout(limit, &mut alive).await.is_err());
        assert_eq!(said.get(), 3, "the thread hangs");
        silence.set(SILENCE.saturating_sub(Duration::from_nanos(1)));
        assert!(timeout(limit, &mut alive).await.is_err());
        assert_eq!(said.get(), 6, "it goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_nothing_does_not_take_the_processor() {
        let said = Cell::new(0);
        let alive = repeat(Duration::ZERO, || Duration::ZERO, || said.set(said.get() + 1));
        assert!(timeout(Duration::from_millis(95), alive).await.is_err());
        assert_eq!(said.get(), 10);
    }
}
