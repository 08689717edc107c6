//! The table compared with the kernel's own lists: a pass and its commit.
//!
//! Called by `table`, driven by the ingest thread.

pub(crate) mod accepters;
pub(crate) mod commit;
pub(crate) mod fd_holders;
pub(crate) mod owners;
pub(crate) mod pass;
pub(crate) mod presence;
mod subflows;
mod walk;
