//! Lets one rendering run at a time. A bounded number of requests waits; the others are refused.
//!
//! Used by `render`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most requests that wait while one is served.
const MAX_WAITING: usize = 8;
/// The longest wait. The default scrape timeout of Prometheus is ten seconds.
const MAX_WAIT: Duration = Duration::from_secs(9);

/// A semaphore with one permit and a bounded queue.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// The right to render; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Gate {
    /// Returns an open gate.
    pub(super) fn new() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(1 + MAX_WAITING)),
        }
    }

    /// Waits for the turn. Returns `None` if [`MAX_WAITING`] requests wait already, or after
    /// [`MAX_WAIT`].
    pub(super) async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.turn).acquire_owned())
            .await
            .ok()?
            .ok()?;
        Some(Turn { _turn: turn, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_renders_eight_wait_and_the_tenth_is_turned_away() {
        let gate = Gate::new();
        let first = gate.turn().await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                tokio::spawn({
                    let gate = gate.clone();
                    async move { gate.turn().await.is_some() }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(gate.turn().await.is_none());
        drop(first);
        for waiter in waiting {
            assert!(waiter.await.unwrap());
        }
        assert!(gate.turn().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end() {
        let gate = Gate::new();
        let _first = gate.turn().await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(gate.turn().await.is_none());
        assert_eq!(start.elapsed(), MAX_WAIT);
    }
}
