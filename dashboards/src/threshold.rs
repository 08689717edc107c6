//! Limits that several alerts share. The limit of one alert stands in its rule,
//! `dashboards/alerts/NAME/rule.rs`.
//!
//! Rates are per second, averaged over five minutes; ratios are shares of one.

/// Use of something that has a limit (descriptors, ports, backlog, TCP memory) at which a person
/// should look: from here on an alert fires if the trend reaches the limit.
pub const USED_RATIO_WARNING: f64 = 0.8;

/// The same, at which it is about to fail, whatever the trend.
pub const USED_RATIO_CRITICAL: f64 = 0.95;

/// Sockets of one process that must be stuck: fewer are a loose end, not yet a leak that takes
/// anything away.
pub const STUCK_CONNECTIONS: f64 = 10.0;
