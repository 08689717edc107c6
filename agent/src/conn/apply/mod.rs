//! Records and entries of the kernel's list become changes of the table.
//!
//! Called by `table` for each record, in the order of the rings, and by the pass for each entry.
//! What a pass must know of a record comes back as an `Effect`.

pub(crate) mod attribute;
pub(crate) mod close;
pub(crate) mod listed;
mod outcome;
pub(crate) mod transition;
