//! The budgets of the table, and the names that stand for what is beyond them.

use super::nanos::Nanos;

/// The process name of sockets without a known owner.
pub(super) const UNKNOWN: &str = "unknown";
/// How long a process without rows, and a workload that is gone, keep their names: five minutes.
pub(super) const IDLE_TTL: Nanos = Nanos::from_secs(300);
/// The same while others wait for a label: long enough for a scrape a minute.
pub(super) const WANTED_TTL: Nanos = Nanos::from_secs(60);

/// The budgets of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rows.
    pub connections: usize,
    /// The most groups with a label of their own, besides `unknown` and `~other`.
    pub groups: usize,
    /// The most groups without one: their rows keep their names, and metrics show them as `~other`.
    pub unlabelled: usize,
    /// The most services besides the overflow services.
    pub services: usize,
    /// The most network namespaces with counts of their own.
    pub namespaces: usize,
    /// The most ports with a count of retransmitted SYN-ACKs.
    pub ports: usize,
    /// How long a name is young: it counts under `~young` until it has held a socket for so long,
    /// or opened in two of three thirds of it. 0 if every name has a label at once.
    pub young: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000_000,
            groups: 200,
            unlabelled: 4096,
            services: 200,
            namespaces: 64,
            ports: 256,
            young: Nanos::ZERO,
        }
    }
}

/// How many rows may still be looked at before records and readers get their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(usize);

impl Budget {
    /// A budget without bound.
    pub const UNLIMITED: Self = Self(usize::MAX);

    /// Allows about `rows` rows, and at least one.
    #[must_use]
    pub const fn rows(rows: usize) -> Self {
        Self(if rows == 0 { 1 } else { rows })
    }

    /// Returns `factor` times as much.
    pub(super) const fn times(self, factor: usize) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// Returns how many rows are left.
    pub(super) const fn left(self) -> usize {
        self.0
    }

    /// Returns whether nothing is left.
    #[inline]
    pub(super) const fn is_spent(self) -> bool {
        self.0 == 0
    }

    /// Takes `rows` rows from the budget, or what is left of it.
    #[inline]
    pub(super) const fn spend(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }
}
