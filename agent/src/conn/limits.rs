//! The budgets of the table, and the names that stand for what is beyond them.

/// The process name of sockets without a known owner.
pub(super) const UNKNOWN: &str = "unknown";
/// For how long a process without a row, and a workload that is gone, keep their names: five
/// minutes.
pub(super) const GRACE: u64 = 300_000_000_000;

/// The bounds of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub connections: usize,
    /// Processes in a workload and role, besides `unknown` and `~other`.
    pub groups: usize,
    /// The same with a service port, besides those of `~other` without port.
    pub services: usize,
    /// Network namespaces with counts of their own.
    pub namespaces: usize,
    /// Ports with a count of SYN-ACKs sent again.
    pub ports: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_000_000, groups: 200, services: 200, namespaces: 64, ports: 256 }
    }
}
