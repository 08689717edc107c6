//! A rate limit for warnings: at most one line a minute, which carries the sum since the last line.
//!
//! Used by the threads that can warn for every record or pass. It holds no timer: a sum that is
//! held back is reported by the next call of [`RateLimited::add`] that is due.

use std::time::{Duration, Instant};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_mins(1);

/// The state of one rate-limited warning.
#[derive(Debug, Default)]
pub(crate) struct RateLimited {
    /// When the last line was due; `None` before the first.
    last: Option<Instant>,
    /// The sum since that line.
    pending: u64,
}

impl RateLimited {
    /// Adds to the sum. Returns the sum and resets it if a line is due.
    pub(crate) fn add(&mut self, count: u64) -> Option<u64> {
        self.pending += count;
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_reported_at_once_and_the_next_are_summed_up() {
        let mut warning = RateLimited::default();
        assert_eq!((warning.add(3), warning.add(4), warning.add(5)), (Some(3), None, None));
        warning.last = Instant::now().checked_sub(INTERVAL);
        assert_eq!((warning.add(1), warning.add(1)), (Some(10), None));
    }
}
