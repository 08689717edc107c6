//! What leaves the table: plain data without behaviour of its own.
//!
//! Filled by `view` and the passes, read by metrics, listings and suspects. It imports label sets
//! only.

pub(crate) mod coverage;
pub mod pressure;
pub mod seen;
pub mod snapshot;
pub(super) mod totals;
pub mod trouble;
