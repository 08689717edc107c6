//! The table held against the kernel's own lists: a pass and its end.
//!
//! Called by `table`, driven by the ingest thread.

pub(crate) mod commit;
pub(crate) mod fd_holders;
pub(crate) mod owners;
pub(crate) mod pass;
pub(crate) mod presence;
