//! The connection table, the only state of the agent: it has one row for each live socket.
//!
//! The folders are layers; each imports only those below it in this list.
//!
//! | module | what it owns |
//! |---|---|
//! | `table` | the face: it owns the parts and decides nothing |
//! | `work` | what is left to do, in which order |
//! | `view` | rows and counts copied out |
//! | `reconcile` | the table held against the kernel's lists |
//! | `regroup` | rows that change group, groups that end |
//! | `collect` | what only the kernel's lists and `/proc` tell |
//! | `apply` | records applied to the core |
//! | `core` | the rows with all that is counted from them |
//! | `account` | who is counted, within the label budgets |
//! | `store` | where rows lie, and how they are found |
//! | `socket` | one socket's row and its pure state machine |
//! | `report` | plain data that leaves the table |
//! | `readers` | the processes that lock sockets only to show them |
//! | `histogram`, `limits`, `ids` | counts by bucket, budgets, numbers of rows and groups |
//! | `nanos` | moments and spans of time |
//!
//! The label sets are in the crate `catalogue`.

mod account;
mod apply;
mod collect;
mod core;
pub mod histogram;
mod ids;
mod limits;
mod nanos;
mod readers;
mod reconcile;
mod regroup;
mod report;
mod socket;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod work;

pub use account::destinations::Destinations;
pub use limits::{Budget, Limits};
pub use nanos::Nanos;
pub use regroup::migration::Wanted;
pub use report::coverage::{Covered, PassSummary};
pub use report::snapshot::Flows;
pub use report::totals::Totals;
pub use report::{pressure, seen, snapshot, trouble};
pub use socket::activity::ActivityView;
pub use socket::attribution::{Attribution, names_owner};
pub use socket::multipath::MultipathView;
pub use socket::retransmit;
pub use socket::row_view::{RowView, States, Waiting};
pub use table::Table;
pub use view::View;
pub use work::{PassRequest, Progress};
