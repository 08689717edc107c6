//! The connection table: one row a live socket, the only state of the agent.
//!
//! `table` applies records, `ending` settles what a CLOSE means, `pass` (with `moves`,
//! `holders` and `namespaces`) holds the table against the kernel's own lists, `finish` ends that
//! in slices (`verdict`, `sums`), `view` copies out what the views read. Below them: `rows` (the
//! slab), `index` (found by the socket), `store` (in and out of it), `lists` (who is oldest),
//! `groups`, `services` and `books` (what is counted, within label budgets), `owner` and `naming`
//! with `memo` (whose socket it is), `workloads` (where it runs) with `tenure` (how long names
//! last), `succession` (which state may follow which).

mod apply;
mod books;
mod budget;
mod core;
mod coverage;
mod destinations;
mod effect;
mod ending;
mod finish;
mod gather;
mod groups;
pub mod histogram;
mod holders;
mod index;
pub mod labels;
mod listening;
mod lists;
mod memo;
mod moves;
mod namespaces;
mod naming;
mod netstat;
mod owner;
mod owners;
mod pass;
mod placing;
pub mod pressure;
mod queues;
pub mod retransmit;
mod rows;
mod services;
mod slab;
pub mod snapshot;
mod succession;
mod sums;
mod table;
mod tenure;
#[cfg(test)]
mod tests;
mod verdict;
mod view;
mod workloads;

pub use budget::Limits;
pub use coverage::{Covered, PassSummary};
pub use owner::{Owner, names_owner};
pub use table::Table;
pub use tenure::Wanted;
pub use view::{RowView, States, Waiting};
