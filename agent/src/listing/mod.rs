//! The drill-down: which sockets there are, filtered, sorted and capped. What no metric may carry
//! (pids, addresses, ports) is here.
//!
//! Called by the HTTP surface (`/api/v1/connections`) and, to check what was asked and to read the
//! answer, by the command line. `query` reads what is asked, `filter` decides, `walk` reads the
//! table in slices, `select` keeps the first few of any number, `answer` is what goes out.
//!
//! Guarantees: the table is held for one slice at a time; memory follows the limit of the query,
//! not the size of the table; every answer says how many there were and whether it shows all.

pub mod answer;
pub mod filter;
pub mod ports;
pub mod query;
mod select;
#[cfg(test)]
pub(crate) mod tests;
pub mod walk;

use std::time::SystemTime;

use crate::ingest::SharedTable;

use answer::{Connection, Connections, Taken};
use query::Query;
use select::Select;

/// The workload of a socket that is in no unit, container or pod.
pub const HOST: &str = "host";

/// The answer to a query, at `now` (`CLOCK_MONOTONIC` nanoseconds).
#[must_use]
pub fn connections(table: &SharedTable, query: &Query, now: u64) -> Connections {
    let taken = Taken::at(SystemTime::now(), now);
    let mut select = Select::new(query.sort, query.order, query.limit);
    let walked = walk::rows(table, query.filter.states, |row| {
        if query.filter.matches(&row, now) {
            select.offer(row);
        }
    });
    let matched = select.offered();
    let connections: Vec<Connection> =
        select.finish().iter().map(|row| Connection::of(row, now)).collect();
    let returned = connections.len();
    let truncated = matched > u64::try_from(returned).unwrap_or(u64::MAX);
    Connections { taken, tracked: walked.seen, matched, returned, truncated, connections }
}
