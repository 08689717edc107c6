//! What cannot happen, counted where it happens all the same.
//!
//! Called by code that has an impossible case to deal with. Guarantees: a debug build panics and
//! names the rule that is broken, so that a test finds it; a release build counts, logs and goes on
//! with a value that is safe. The count is the metric `tcpwarden_internal_errors_total`.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many there were since the process started.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Reports that `rule` is broken. Logs the first, and every one whose number is a power of two.
///
/// # Panics
/// In debug builds.
#[cold]
pub(crate) fn internal_error(rule: &'static str) {
    let errors = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    debug_assert!(false, "internal error: this rule is broken: {rule}");
    if errors.is_power_of_two() {
        tracing::error!(rule, errors, "internal error: a rule of the agent is broken; report it");
    }
}

/// Returns how many there were since the process started.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}
