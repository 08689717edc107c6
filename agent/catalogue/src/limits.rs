//! Limits that appear in the agent's series, so that a rule or a panel can name the same value.

/// The ages, in seconds, at which a connection in a leak state counts as stuck. The label `min_age`
/// has these values.
pub const STUCK_AGES: [u64; 3] = [60, 300, 3600];

/// How many label sets may exceed a budget while their workloads wait for their names.
pub const SPARE: usize = 64;
