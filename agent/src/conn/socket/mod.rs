//! One socket: its row and the pure functions that say what happens to it.
//!
//! No collection and no clock: everything here can be tested without a table.

pub(crate) mod attribution;
pub(crate) mod effect;
pub(crate) mod ending;
pub(crate) mod name;
pub(crate) mod observation;
pub(crate) mod observe;
pub(crate) mod outcome;
pub(crate) mod queues;
pub(crate) mod relation;
pub mod retransmit;
pub(crate) mod row;

#[cfg(test)]
mod tests;
