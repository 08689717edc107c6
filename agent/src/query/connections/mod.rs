//! `tcpwarden connections`, `/api/v1/connections`: which sockets there are, filtered, sorted and
//! capped.
//!
//! [`crate::listing`] reads the table; this module reads the parameters, and `table` writes the
//! text.

mod table;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use catalogue::labels::Stage;
use serde::{Deserialize, Serialize};

use super::parameter::Parameter;
use super::value::Expected;
use super::{Query, Source, value};
use crate::conn::Attribution;
use crate::ingest::SharedTable;
use crate::listing::answer::{Connection, Taken};
use crate::listing::filter::Filter;
use crate::listing::order::{Order, Sort};
use crate::listing::peers::Peers;
use crate::listing::select::Select;
use crate::listing::walk;

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionsQuery {
    /// Which connections.
    pub(crate) filter: Filter,
    /// What they are sorted by.
    pub(crate) sort: Sort,
    /// The direction; `None` for the natural one of `sort`.
    pub(crate) order: Option<Order>,
    /// The most connections in the answer.
    pub(crate) limit: usize,
}

impl Default for ConnectionsQuery {
    fn default() -> Self {
        Self { filter: Filter::ALL, sort: Sort::Age, order: None, limit: 100 }
    }
}

const WHICH: &str = "Which connections";
const ORDER: &str = "In which order";

impl Query for ConnectionsQuery {
    const NAME: &'static str = "connections";
    const ABOUT: &'static str = "which connections there are, filtered, with ages and owners";
    const NOTES: &'static str = "\
A filter with several values (--state close_wait,syn_sent or --state close_wait --state syn_sent)
matches any of them; a connection is listed if every filter matches it. A + behind an age marks a
lower bound: the connection is older than the agent. The last line counts what --limit left out.

Examples:
  tcpwarden connections --state close_wait --min-age 5m
  tcpwarden connections --process nginx --peer 10.0.0.0/8 --sort retransmitted
  tcpwarden connections --state listen --sort port
  tcpwarden connections --json | jq '.connections[].pid'

Needs no privileges except those to reach the address: a socket file is open to its owner and
group.
";
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::list("state", "STATES", |query: &mut Self, text| {
            value::add_state(&mut query.filter, text)
        })
        .under(WHICH)
        .help(
            "In one of these states: close_wait, syn_sent, listen ... (also as ss writes them: \
             CLOSE-WAIT)",
        ),
        Parameter::repeated("process", "NAME", |query: &mut Self, text| {
            push(&mut query.filter.processes, value::pattern(text))
        })
        .under(WHICH)
        .help("Of a process with this name; NAME* for names that begin so"),
        Parameter::repeated("workload", "NAME", |query: &mut Self, text| {
            push(&mut query.filter.workloads, value::pattern(text))
        })
        .under(WHICH)
        .help(
            "Of a workload with this name (nginx.service, a container, a pod, host); NAME* for \
             names that begin so",
        ),
        Parameter::list("pid", "PIDS", |query: &mut Self, text| {
            push(&mut query.filter.pids, value::number(text, "a process id"))
        })
        .under(WHICH)
        .help("Of the process with this id"),
        Parameter::list("port", "PORTS", |query: &mut Self, text| {
            push(&mut query.filter.ports, value::port(text))
        })
        .under(WHICH)
        .help("With this port at either end"),
        Parameter::list("service-port", "PORTS", |query: &mut Self, text| {
            push(&mut query.filter.service_ports, value::port(text))
        })
        .under(WHICH)
        .help("With this service port: the local port of a server, the remote port of a client"),
        Parameter::list("local", "ENDS", |query: &mut Self, text| {
            push(&mut query.filter.local, value::end(text))
        })
        .under(WHICH)
        .help("With a local end in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432"),
        Parameter::list("peer", "ENDS", |query: &mut Self, text| {
            push(&mut query.filter.peer, value::end(text))
        })
        .under(WHICH)
        .help("With a peer in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432"),
        Parameter::list("role", "ROLES", |query: &mut Self, text| {
            push(&mut query.filter.roles, value::role(text))
        })
        .under(WHICH)
        .help("With this role: client, server, unknown"),
        Parameter::list("stage", "STAGES", |query: &mut Self, text| {
            push(&mut query.filter.stages, stage(text))
        })
        .under(WHICH)
        .help(
            "In CLOSE_WAIT and at this stage: unaccepted (in the accept queue), unread, read (only \
             the close is missing)",
        ),
        Parameter::list("owner", "KINDS", |query: &mut Self, text| {
            push(&mut query.filter.owners, owner(text))
        })
        .under(WHICH)
        .help(
            "Whose owner is known like this: exact (a system call of its own), holder (has the \
             descriptor), listener (inherited), gone (no process has it any more), none",
        ),
        Parameter::list("netns", "INODES", |query: &mut Self, text| {
            let allowed = "the inode of a network namespace, as in /proc/PID/ns/net";
            push(&mut query.filter.netns, value::number(text, allowed))
        })
        .under(WHICH)
        .help("In the network namespace with this inode"),
        Parameter::one("min-age", "DURATION", |query: &mut Self, text| {
            query.filter.min_age = value::duration(text)?;
            Ok(())
        })
        .under(WHICH)
        .help("In their state for at least this long: 90s, 5m, 1h30m, 2d"),
        Parameter::one("min-idle", "DURATION", |query: &mut Self, text| {
            query.filter.min_idle = Some(value::duration(text)?);
            Ok(())
        })
        .under(WHICH)
        .help("Without data for at least this long, as of the last reconcile pass"),
        Parameter::one("keepalive", "WHETHER", |query: &mut Self, text| {
            query.filter.keepalive = Some(value::choice(text, &[("yes", true), ("no", false)])?);
            Ok(())
        })
        .under(WHICH)
        .help("With keepalive on (yes) or off (no)"),
        Parameter::flag("unacknowledged", |query: &mut Self, text| {
            query.filter.is_unacknowledged = value::flag(text)?;
            Ok(())
        })
        .under(WHICH)
        .help(
            "Whose peer does not acknowledge what was sent: after three time-outs in a row, or \
             without progress for 15 s",
        ),
        Parameter::one("sort", "KEY", |query: &mut Self, text| {
            query.sort = value::choice(text, Sort::ALL)?;
            Ok(())
        })
        .under(ORDER)
        .help(
            "By age (in the state), connection_age, process, pid, state, port, retransmitted, \
             local or peer [default: age]",
        ),
        Parameter::one("order", "ORDER", |query: &mut Self, text| {
            query.order = Some(value::choice(text, Order::ALL)?);
            Ok(())
        })
        .under(ORDER)
        .help("asc or desc [default: ages and retransmitted desc, all else asc]"),
        Parameter::one("limit", "N", |query: &mut Self, text| {
            query.limit = value::limit(text)?;
            Ok(())
        })
        .under(ORDER)
        .short('n')
        .help("At most this many, 1 to 1000 [default: 100]"),
    ];
    type Answer = Connections;

    fn answer(&self, source: &Source, now: u64) -> Connections {
        connections(&source.table, self, now)
    }

    fn write(answer: &Connections, page: &mut String) {
        table::write(answer, page);
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
    /// Whether there are more that match.
    pub(crate) truncated: bool,
    /// The connections.
    pub(crate) connections: Vec<Connection>,
}

/// Returns the answer at `now` (`CLOCK_MONOTONIC`, nanoseconds).
fn connections(table: &SharedTable, query: &ConnectionsQuery, now: u64) -> Connections {
    let taken = Taken::at(SystemTime::now(), now);
    let order = query.order.unwrap_or_else(|| query.sort.natural());
    let mut select = Select::new(query.sort, order, query.limit);
    let walked = walk::rows(table, query.filter.states, |row| {
        if query.filter.matches(&row, now) {
            select.offer(row);
        }
    });
    let matched = select.offered();
    let rows = select.finish();
    let peers = Peers::of(table, &rows);
    let connections: Vec<Connection> =
        rows.iter().map(|row| Connection::of(row, now).with_peer(peers.get(row))).collect();
    let returned = connections.len();
    let truncated = matched > u64::try_from(returned).unwrap_or(u64::MAX);
    Connections { taken, tracked: walked.seen, matched, returned, truncated, connections }
}

fn push<T>(values: &mut Vec<T>, value: Result<T, Expected>) -> Result<(), Expected> {
    values.push(value?);
    Ok(())
}

fn stage(text: &str) -> Result<Stage, Expected> {
    let known: Vec<_> = Stage::ALL.iter().map(|stage| (stage.as_str(), *stage)).collect();
    value::choice(text, &known)
}

fn owner(text: &str) -> Result<Attribution, Expected> {
    let known = [
        Attribution::FromSyscall,
        Attribution::FromDescriptors,
        Attribution::Inherited,
        Attribution::Lost,
        Attribution::None,
    ];
    value::choice(text, &known.map(|owner| (owner.as_str(), owner)))
}
