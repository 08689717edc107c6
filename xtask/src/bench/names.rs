//! The names of arms that more than one file has to know.

/// The arm with nothing attached.
pub(super) const WITHOUT: &str = "without";
/// The agent.
pub(super) const AGENT: &str = "agent";
/// A program that hands a record of the same size to a ring and does nothing else.
pub(super) const YARDSTICK: &str = "yardstick";
/// A program that does nothing at all.
pub(super) const EMPTY: &str = "empty program";
