//! Records become changes of the table; what a pass must know of it comes back as an `Effect`.
//!
//! Called by `table` for each record, in the order of the rings.

pub(crate) mod attribute;
pub(crate) mod close;
pub(crate) mod transition;
