//! The limits that dashboards colour by, alerts fire at and runbooks name: one constant each.

/// Use of something that has a limit (descriptors, ports, backlog, TCP memory) at which a person should look.
pub const USED_RATIO_WARNING: f64 = 0.8;
/// The same, at which it is about to fail.
pub const USED_RATIO_CRITICAL: f64 = 0.95;
