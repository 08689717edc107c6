//! How rows change group, and how groups without rows end.
//!
//! Used by `reconcile` and by `table`.

pub(crate) mod migration;
mod moves;
pub(crate) mod queue;
pub(crate) mod retirement;
pub(crate) mod workload_name;
