//! One socket: its row, and the pure state machine that says what follows from an observation.
//!
//! Used by the layers below, which find the row, and count and store what follows. Guarantee: no
//! collection and no clock, so everything here can be tested without a table.

pub(crate) mod activity;
pub(crate) mod attribution;
pub(crate) mod effect;
pub(crate) mod ending;
pub(crate) mod moment;
pub(crate) mod multipath;
pub(crate) mod name;
pub(crate) mod observation;
pub(crate) mod observe;
pub(crate) mod outcome;
pub(crate) mod queues;
pub(crate) mod relation;
pub mod retransmit;
pub(crate) mod row;
mod row_rules;
pub(crate) mod row_view;

#[cfg(test)]
mod tests;
