//! The lock between test suites: live tests compare counters of the whole machine.
#![expect(clippy::print_stderr, reason = "a person who waits wants to know for what")]

use std::fs::File;

/// Waits until no other run of the project's live tests, lab or benchmark is at work.
///
/// The lock is released when the returned file is dropped or the process ends. Returns `None` if
/// the lock file cannot be made, as in a guest without /tmp.
#[must_use]
pub fn alone() -> Option<File> {
    let lock = File::create("/tmp/tcpwarden-live.lock").ok()?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another run of the live tests to end");
        lock.lock().ok()?;
    }
    Some(lock)
}
