//! How long the threads of a process ran, and how long they waited for a processor: other work on
//! the machine makes a time longer, but not this share.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Since the start of each thread, nanoseconds, added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turns {
    ran: u64,
    waited: u64,
}

impl Turns {
    /// Reads `schedstat` of every thread.
    ///
    /// # Errors
    /// The process has ended.
    pub(super) fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}/task");
        let threads = fs::read_dir(&folder).with_context(|| format!("read {folder}"))?;
        let mut turns = Self::default();
        for thread in threads.flatten() {
            // A thread may end meanwhile.
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
            turns.ran += numbers.next().unwrap_or(0);
            turns.waited += numbers.next().unwrap_or(0);
        }
        Ok(turns)
    }

    /// What came since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let ran = self.ran.saturating_sub(before.ran);
        Self { ran, waited: self.waited.saturating_sub(before.waited) }
    }

    /// How long they ran, seconds.
    pub(super) fn ran(&self) -> f64 {
        Duration::from_nanos(self.ran).as_secs_f64()
    }

    /// The share of the time in which they ran, of that in which they ran or waited; 1 if neither
    /// is known.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn running(&self) -> f64 {
        let all = self.ran + self.waited;
        if all == 0 { 1.0 } else { self.ran as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_what_came_between() {
        let before = Turns { ran: 100, waited: 0 };
        assert!((Turns { ran: 200, waited: 300 }.since(&before).running() - 0.25).abs() < 1e-9);
        assert!((before.since(&before).running() - 1.0).abs() < 1e-9);
        let own = Turns::of(std::process::id()).unwrap();
        assert!(own.ran + own.waited > 0);
    }
}
