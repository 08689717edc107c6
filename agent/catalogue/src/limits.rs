//! Declares limits that appear in the agent's series, so that a rule or a panel can name the same
//! value.

/// A connection in a leak state counts as stuck from these ages on, in seconds. The label `min_age`
/// has these values.
pub const STUCK_AGES: [u64; 3] = [60, 300, 3600];

/// A connection counts as idle from these times without data on, in seconds. The label `min_idle`
/// has these values.
pub const IDLE_AGES: [u64; 3] = [60, 300, 3600];

/// At most so many label sets exceed the budget of processes because their connections are stuck.
pub const LEAK_PLACES: usize = 32;

/// At most so many ports of young names are told apart.
pub const YOUNG_PORTS: usize = 32;

/// At most so many label sets exceed a budget while their workloads wait for their names.
pub const SPARE: usize = 64;
