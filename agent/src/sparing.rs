//! Warnings that repeat: one line a minute, with the sum of what happened meanwhile.

use std::time::{Duration, Instant};

/// The least time between two lines.
const APART: Duration = Duration::from_mins(1);

/// A warning that may come often.
#[derive(Debug, Default)]
pub struct Sparing {
    last: Option<Instant>,
    held: u64,
}

impl Sparing {
    /// Adds to the sum; returns it when a line is due.
    pub fn add(&mut self, count: u64) -> Option<u64> {
        self.held += count;
        if self.last.is_some_and(|last| last.elapsed() < APART) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_next_are_summed_up() {
        let mut warning = Sparing::default();
        assert_eq!((warning.add(3), warning.add(4), warning.add(5)), (Some(3), None, None));
        warning.last = Instant::now().checked_sub(APART);
        assert_eq!((warning.add(1), warning.add(1)), (Some(10), None));
    }
}
