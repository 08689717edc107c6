//! What Prometheus sees: the catalogue of metrics, and the collector that makes them at scrape from
//! one snapshot of the connection table and what the agent knows of itself.
//!
//! Called by `http` for each scrape. Guarantees: a scrape reads memory only; no label set occurs
//! twice; the number of series is bounded by the label budgets of the table.

pub mod catalogue;
mod collector;
pub mod docs;
mod families;
mod family;
pub mod stats;

pub use collector::{Collector, render};
pub use stats::{SelfStats, SharedStats};

#[cfg(test)]
mod tests;
