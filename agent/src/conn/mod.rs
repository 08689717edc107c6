//! The connection table: one row a live socket, the only state of the agent.
//!
//! `table` applies records, `ending` settles what a CLOSE means, `pass` (with `moves` and
//! `namespaces`) holds the table against the kernel's own socket list, `verdict` ends that, `view` copies out what the
//! views read. Below them: `rows` (the slab), `store` (in and out of it), `lists` (who is oldest),
//! `groups`, `services` and `books` (what is counted, within label budgets), `owner` (whose socket it
//! is), `succession` (which state may follow which).

mod books;
mod ending;
mod groups;
pub mod histogram;
pub mod labels;
mod lists;
mod moves;
mod namespaces;
mod owner;
mod pass;
pub mod retransmit;
mod rows;
mod services;
pub mod snapshot;
mod store;
mod succession;
mod table;
#[cfg(test)]
mod tests;
mod verdict;
mod view;

pub use owner::{Owner, names_owner};
pub use table::{Limits, Table};
pub use verdict::{Covered, PassSummary};
pub use view::{RowView, States};
