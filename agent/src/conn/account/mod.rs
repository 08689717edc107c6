//! Who is counted, within the label budgets: groups, services, workloads, and plain counters.
//!
//! Used by `core` and by all that is above it.

pub(crate) mod counters;
pub(crate) mod destinations;
pub(crate) mod group_cache;
pub(crate) mod groups;
mod newest;
pub(crate) mod services;
pub(crate) mod synacks;
pub(crate) mod troubles;
pub(crate) mod unseen;
pub(crate) mod workloads;
