//! What Prometheus sees: the catalogue of metrics, and the collector that writes them at scrape
//! from one snapshot of the connection table and what the agent knows of itself.
//!
//! Called by `http` for each scrape. Guarantees: a scrape reads memory only; no label set occurs
//! twice; the number of series is bounded by the label budgets of the table, and so is the page.

mod collector;
mod families;
mod family;
mod page;
mod sorted;
pub mod stats;
mod text;
mod writer;

pub use collector::Collector;
pub use page::Page;
pub use stats::{SelfStats, SharedStats};
pub use writer::Writer;

/// The content type of a page.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4";

#[cfg(test)]
mod tests;
