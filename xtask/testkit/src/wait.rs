//! Waiting for something that another process or the kernel does.

use std::time::{Duration, Instant};

/// Time between two probes.
const STEP: Duration = Duration::from_millis(20);

/// Calls `probe` until it returns a value. Returns `None` if that takes longer than `patience`; the
/// probe is called at least once.
pub fn poll<T>(patience: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let found = probe();
        if found.is_some() || start.elapsed() > patience {
            return found;
        }
        std::thread::sleep(STEP);
    }
}

/// As [`poll`], for tests.
///
/// # Panics
/// If the value does not come in time; the message says what was waited for.
#[expect(clippy::panic, reason = "a test fails by a panic that says what was expected")]
pub fn wait_for<T>(what: &str, patience: Duration, probe: impl FnMut() -> Option<T>) -> T {
    poll(patience, probe).unwrap_or_else(|| panic!("waited {patience:?} in vain for {what}"))
}
