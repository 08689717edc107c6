//! `tcpwarden connections`, `/api/v1/connections`: which sockets there are, filtered, sorted and
//! capped.
//!
//! [`crate::listing`] reads the table; this module reads the parameters, and `table` writes the
//! text.

mod table;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::columns::{self, Naming};
use super::parameter::Parameter;
use super::view::View;
use super::which::{self, Which};
use super::{Query, Source, value};
use crate::ingest::SharedTable;
use crate::listing::answer::{Connection, Taken};
use crate::listing::cursor::Cursor;
use crate::listing::filter::Filter;
use crate::listing::group::{GroupBy, Grouped, Grouping};
use crate::listing::order::{Order, Sort};
use crate::listing::peers::Peers;
use crate::listing::select::Select;
use crate::listing::walk;
use crate::nat::Nat;
pub(super) use table::columns::CONNECTIONS;
pub(super) use table::groups::GROUPS;

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionsQuery {
    /// Which connections.
    pub(crate) filter: Filter,
    /// What they are sorted by.
    pub(crate) sort: Sort,
    /// The direction; `None` for the natural one of `sort`.
    pub(crate) order: Option<Order>,
    /// The most connections, or groups, in the answer.
    pub(crate) limit: usize,
    /// Where the answer begins. It brings `sort` and `order` with it.
    pub(crate) after: Option<Cursor>,
    /// What to count connections by, instead of listing them.
    pub(crate) group_by: Option<GroupBy>,
}

impl Default for ConnectionsQuery {
    fn default() -> Self {
        Self {
            filter: Filter::ALL,
            sort: Sort::Age,
            order: None,
            limit: 100,
            after: None,
            group_by: None,
        }
    }
}

impl Which for ConnectionsQuery {
    fn filter(&mut self) -> &mut Filter {
        &mut self.filter
    }
}

const ORDER: &str = "In which order";

impl Query for ConnectionsQuery {
    const NAME: &'static str = "connections";
    const ABOUT: &'static str = "which connections there are, filtered, with ages and owners";
    const NOTES: &'static str = "\
A filter with several values (--state close_wait,syn_sent or --state close_wait --state syn_sent)
matches any of them; a connection is listed if every filter matches it. A + behind an age marks a
lower bound: the connection is older than the agent. A name behind the peer's port is the process at
the other end, where that is on this machine, and an address there is the real peer behind NAT; one
behind the local port is how the peer sees this end. (mptcp) behind a state marks a subflow of an
MPTCP connection, with the state of the connection where that is another. The last line counts what
--limit left out, and says with which --after the list goes on.

Examples:
  tcpwarden connections --state close_wait --min-age 5m
  tcpwarden connections --process nginx --peer 10.0.0.0/8 --sort retransmitted
  tcpwarden connections --state listen --sort receive_queue
  tcpwarden connections --state established --min-idle 1h --keepalive no
  tcpwarden connections --unacknowledged --sort idle
  tcpwarden connections --mptcp-state close_wait
  tcpwarden connections --state established --group-by peer
  tcpwarden connections --columns process,pid,peer,age --watch 5s
  tcpwarden connections -o csv
  tcpwarden connections --json | jq '.connections[].pid'

Needs no privileges except those to reach the address: a socket file is open to its owner and
group.
";
    const PARAMETERS: &'static [Parameter<Self>] = &[
        which::state(),
        which::process(),
        which::workload(),
        which::pid(),
        which::port(),
        which::service_port(),
        which::local(),
        which::peer(),
        which::role(),
        which::stage(),
        which::mptcp_state(),
        which::owner(),
        which::netns(),
        which::min_age(),
        which::min_idle(),
        which::keepalive(),
        which::unacknowledged(),
        Parameter::one("sort", "KEY", |query: &mut Self, text| {
            query.sort = value::choice(text, Sort::ALL)?;
            Ok(())
        })
        .under(ORDER)
        .help(
            "By age (in the state), connection_age, idle, process, pid, state, port, \
             retransmitted, receive_queue, local or peer [default: age]",
        ),
        Parameter::one("order", "ORDER", |query: &mut Self, text| {
            query.order = Some(value::choice(text, Order::ALL)?);
            Ok(())
        })
        .under(ORDER)
        .help(
            "asc or desc [default: ages, idle, retransmitted and receive_queue desc, all else asc]",
        ),
        Parameter::one("limit", "N", |query: &mut Self, text| {
            query.limit = value::limit(text)?;
            Ok(())
        })
        .under(ORDER)
        .short('n')
        .help("At most this many, 1 to 1000 [default: 100]"),
        Parameter::one("after", "CURSOR", |query: &mut Self, text| {
            let cursor = text.parse().map_err(|_no| "what `next` of an answer says".to_owned());
            query.after = Some(cursor?);
            Ok(())
        })
        .under(ORDER)
        .help("Behind the answer whose last line names this, in the same order; filters stay"),
        Parameter::one("group-by", "WHAT", |query: &mut Self, text| {
            query.group_by = Some(value::choice(text, GroupBy::ALL)?);
            Ok(())
        })
        .under(ORDER)
        .help(
            "Count instead of listing: by peer (with the port of the service), process or port; \
             the largest first",
        ),
    ];
    type Answer = Connections;

    fn answer(&self, source: &Source, now: u64) -> Connections {
        connections(&source.table, &source.nat, self, now)
    }

    fn columns(&self) -> Vec<Naming> {
        match self.group_by {
            Some(_) => columns::names(GROUPS),
            None => columns::names(CONNECTIONS),
        }
    }

    fn write(answer: &Connections, view: &View, page: &mut String) {
        table::write(answer, view, page);
    }
}

/// The answer: connections and listeners.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the field names are those of the JSON")]
pub(crate) struct Connections {
    /// When the walk over the table began.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// How many rows of the table the walk met.
    pub(crate) tracked: u64,
    /// How many of them match.
    pub(crate) matched: u64,
    /// How many of those are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more that match and come later.
    pub(crate) truncated: bool,
    /// How many that match come before this answer.
    pub(crate) skipped: u64,
    /// What `after` must be for the next answer; `None` if nothing is left out.
    pub(crate) next: Option<String>,
    /// The connections; none if they are counted.
    pub(crate) connections: Vec<Connection>,
    /// The counts, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grouped: Option<Grouped>,
}

/// Returns the answer at `now` (`CLOCK_MONOTONIC`, nanoseconds).
fn connections(table: &SharedTable, nat: &Nat, query: &ConnectionsQuery, now: u64) -> Connections {
    let taken = Taken::at(SystemTime::now(), now);
    if let Some(by) = query.group_by {
        return Connections { taken, ..grouped(table, query, by, now) };
    }
    let order = query.order.unwrap_or_else(|| query.sort.natural());
    let mut select = match &query.after {
        Some(cursor) => Select::after(cursor, query.limit),
        None => Select::new(query.sort, order, query.limit),
    };
    let walked = walk::rows(table, query.filter.states, |row| {
        if query.filter.matches(&row, now) {
            select.offer(row);
        }
    });
    let (matched, skipped) = (select.offered(), select.skipped());
    let later = matched - skipped;
    let (rows, end) = select.finish();
    let beyond = nat.look_up(&rows);
    let peers = Peers::of(table, &rows, &beyond);
    let connections = rows.iter().zip(beyond).map(|(row, beyond)| {
        Connection::of(row, now).with_nat(row, beyond).with_peer(peers.get(row, beyond))
    });
    let connections: Vec<Connection> = connections.collect();
    let returned = connections.len();
    let truncated = later > u64::try_from(returned).unwrap_or(u64::MAX);
    let next = end.filter(|_| truncated).map(|end| end.to_string());
    let tracked = walked.seen;
    Connections {
        taken,
        tracked,
        matched,
        returned,
        truncated,
        skipped,
        next,
        connections,
        grouped: None,
    }
}

/// Returns the connections that match, counted.
fn grouped(table: &SharedTable, query: &ConnectionsQuery, by: GroupBy, now: u64) -> Connections {
    let (mut grouping, mut matched) = (Grouping::new(by), 0);
    let walked = walk::rows(table, query.filter.states, |row| {
        if query.filter.matches(&row, now) {
            matched += 1;
            grouping.add(&row, now);
        }
    });
    let grouped = Some(grouping.finish(query.limit, now));
    Connections { tracked: walked.seen, matched, grouped, ..Connections::default() }
}
