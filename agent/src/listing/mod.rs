//! Reads the rows of the table for the queries: filtered, sorted and capped. It shows what no
//! metric may carry: pids, addresses, ports.
//!
//! `filter` decides which rows match, `walk` reads the table in slices, `select` keeps the first
//! rows in an `order` behind a `cursor`, `group` counts them by peer, process or port, `peers`
//! finds their other ends, `answer` is a row as JSON.
//!
//! Guarantees: the table is locked for one slice at a time; memory grows with the limit of the
//! query, not with the size of the table.

pub(crate) mod answer;
pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod group;
pub(crate) mod order;
pub(crate) mod peers;
pub(crate) mod select;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod walk;
