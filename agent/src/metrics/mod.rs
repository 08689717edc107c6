//! Makes the metrics page that Prometheus reads. At each scrape the collector writes the families
//! of the catalogue from one snapshot of the connection table and the agent's own numbers.
//!
//! Called by `http` for each scrape, which also brings pages into the form that a client takes.
//! Guarantees: a scrape reads memory only; no label set occurs
//! twice; the number of series is bounded by the label budgets of the table, and so is the page.

mod collector;
mod families;
mod family;
mod form;
mod openmetrics;
mod page;
mod selection;
mod sorted;
pub mod stats;
mod text;
mod writer;

pub use collector::Collector;
pub use form::{Form, Making};
pub use page::Page;
pub use selection::{Histograms, Selection};
pub use stats::{SelfStats, SharedStats};
pub use writer::Writer;

#[cfg(test)]
mod tests;
