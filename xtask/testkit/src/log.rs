//! The text that a process prints, collected in the background.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::wait;

/// Bytes kept of a log; beyond that the older half is dropped.
const KEPT: usize = 1 << 20;
/// How long the reader may be behind a process that has ended.
const BEHIND: Duration = Duration::from_millis(500);

/// A bounded text that a thread fills.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    text: Arc<Mutex<String>>,
    /// Set at the end of the stream.
    complete: Arc<AtomicBool>,
}

impl Log {
    /// Reads a stream to its end on a thread, so that its writer never blocks.
    pub(crate) fn of(mut stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let sink = log.clone();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut part) {
                let mut text = sink.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&String::from_utf8_lossy(&part[..length]));
                if text.len() > KEPT {
                    let middle = text.ceil_char_boundary(KEPT / 2);
                    text.drain(..middle);
                }
            }
            sink.complete.store(true, Ordering::Release);
        });
        log
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the reader has seen the end of the stream. To be called once the process has
    /// ended; a grandchild that keeps the stream open delays this by [`BEHIND`] at most.
    pub(crate) fn catch_up(&self) {
        wait::poll(BEHIND, || self.complete.load(Ordering::Acquire).then_some(()));
    }
}
