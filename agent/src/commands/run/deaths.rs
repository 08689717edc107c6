//! Threads that end before they should. The first one ends the agent: without any of them some of
//! its numbers would stand still.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

/// What has ended too early, shared by all threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Deaths(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    first: OnceLock<String>,
    told: Notify,
}

/// Reports the end of a thread when it is dropped, however the thread ends.
pub(super) struct Guard {
    deaths: Deaths,
    name: String,
}

impl Deaths {
    /// Returns what the thread of this name holds for as long as it lives.
    pub(super) fn guard(&self, name: &str) -> Guard {
        Guard { deaths: self.clone(), name: name.to_owned() }
    }

    /// Notes what has happened, if it is the first.
    pub(super) fn report(&self, what: String) {
        // What follows from the first death is none of its own.
        let _ = self.0.first.set(what);
        self.0.told.notify_one();
    }

    /// Returns when something was reported, also before the call.
    pub(super) async fn wait(&self) {
        self.0.told.notified().await;
    }

    /// Returns what was reported first.
    pub(super) fn first(&self) -> Option<&str> {
        self.0.first.get().map(String::as_str)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "has panicked" } else { "has ended" };
        self.deaths.report(format!("the {} thread {how}", self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_panics_is_reported_at_once_and_the_first_one_counts() {
        let deaths = Deaths::default();
        let guard = deaths.guard("ingest");
        assert_eq!(deaths.first(), None);
        let thread = std::thread::spawn(move || {
            let _guard = guard;
            panic!("as a test");
        });
        deaths.wait().await;
        assert!(thread.join().is_err());
        drop(deaths.guard("reconcile"));
        assert_eq!(deaths.first(), Some("the ingest thread has panicked"));
    }
}
