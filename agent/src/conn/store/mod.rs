//! Where rows lie and how they are found: by slot, by address, by age, by listener.
//!
//! Used by `core`, which keeps the four in step.

pub(crate) mod age_list;
pub(crate) mod index;
pub(crate) mod listener_index;
pub(crate) mod slab;
