//! One at a time: the live tests of the project compare counters of the whole machine.
#![expect(clippy::print_stderr, reason = "whoever waits should know for what")]

use std::fs::File;

/// Waits until no other run of the project's live tests is at work. Their turn ends with the
/// process, or with what is returned; none where the lock cannot be had, as in a guest that has no
/// /tmp.
#[must_use]
pub fn alone() -> Option<File> {
    let lock = File::create("/tmp/tcpwarden-live.lock").ok()?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another run of the live tests to end");
        lock.lock().ok()?;
    }
    Some(lock)
}
