//! The columns of connections, and what stands in them.

use std::net::IpAddr;

use catalogue::labels::SocketState;

use crate::duration_text;
use crate::listing::answer::Connection;
use crate::query::columns::Column;
use crate::query::text::{age, end, printable};
use crate::table::{Cell, Rule, Tone};

/// The longest that a healthy connection stays in a transient state, seconds.
const GRACE: f64 = 10.0;

/// The columns, those of the table first.
pub(crate) const CONNECTIONS: &[Column<Connection>] = &[
    Column::field("state").cell(state).text(),
    Column::field("age_seconds").title("AGE").rule(Rule::RIGHT).cell(time_in_state).text(),
    Column::field("idle_seconds").title("IDLE").rule(Rule::RIGHT.rank(2)).cell(idle).text(),
    Column::field("process").rule(Rule::LEFT.cut_to(10)).cell(process).text(),
    Column::field("pid").rule(Rule::RIGHT).cell(pid).text(),
    Column::field("workload").rule(Rule::LEFT.cut_to(12).rank(3)).cell(workload).text(),
    Column::field("role").rule(Rule::LEFT.rank(5)).cell(role).text(),
    Column::made("local", local).rule(Rule::LEFT.rank(1)).text(),
    Column::made("peer", peer).text(),
    Column::field("retransmitted_segments")
        .title("RETRANS")
        .rule(Rule::RIGHT.rank(4))
        .cell(retransmitted)
        .text(),
    Column::field("receive_queue").title("RECV-Q").rule(Rule::RIGHT).wide(),
    Column::field("send_queue").title("SEND-Q").rule(Rule::RIGHT).wide(),
    Column::field("unacknowledged_seconds")
        .title("UNACKED")
        .rule(Rule::RIGHT)
        .cell(|row: &Connection| seconds(row.unacknowledged_seconds))
        .wide(),
    Column::field("keepalive").wide(),
    Column::field("bytes_sent").title("SENT").rule(Rule::RIGHT).wide(),
    Column::field("bytes_received").title("RECEIVED").rule(Rule::RIGHT).wide(),
    Column::field("service_port").title("PORT").rule(Rule::RIGHT).wide(),
    Column::field("owner").wide(),
    Column::field("holders").rule(Rule::RIGHT).wide(),
    Column::field("netns").rule(Rule::RIGHT).wide(),
    Column::field("age_at_least"),
    Column::field("connection_age_seconds").rule(Rule::RIGHT),
    Column::field("connection_age_at_least"),
    Column::field("local_address"),
    Column::field("local_port").rule(Rule::RIGHT),
    Column::field("peer_address"),
    Column::field("peer_port").rule(Rule::RIGHT),
    Column::field("cgroup").rule(Rule::RIGHT),
    Column::field("orphan"),
    Column::field("stage"),
    Column::field("mptcp_state"),
    Column::field("mptcp_state_seconds").rule(Rule::RIGHT),
    Column::field("zero_window"),
    Column::field("last_sent_seconds").rule(Rule::RIGHT),
    Column::field("last_received_seconds").rule(Rule::RIGHT),
    Column::field("last_acknowledged_seconds").rule(Rule::RIGHT),
    Column::field("timeouts").rule(Rule::RIGHT),
    Column::field("backoff").rule(Rule::RIGHT),
    Column::field("probes").rule(Rule::RIGHT),
    Column::field("peer_process"),
    Column::field("peer_pid").rule(Rule::RIGHT),
    Column::field("peer_workload"),
    Column::field("peer_state"),
    Column::field("nat_peer_address"),
    Column::field("nat_peer_port").rule(Rule::RIGHT),
    Column::field("nat_local_address"),
    Column::field("nat_local_port").rule(Rule::RIGHT),
    Column::field("taken_at"),
];

pub(super) fn state(row: &Connection) -> Cell {
    let is_listener = row.state == SocketState::Listen.as_str();
    let stage = match &row.stage {
        Some(stage) => format!(" ({})", printable(stage)),
        None if is_listener => format!(" (backlog {}/{})", row.receive_queue, row.send_queue),
        None => String::new(),
    };
    let multipath = match &row.mptcp_state {
        Some(own) if *own == row.state => " (mptcp)".to_owned(),
        Some(own) => format!(" (mptcp {})", printable(own)),
        None => String::new(),
    };
    let orphan = if row.orphan { " (orphan)" } else { "" };
    let text = format!("{}{stage}{multipath}{orphan}", printable(&row.state));
    // The kernel admits one more than the limit (`sk_acceptq_is_full`).
    let is_full = is_listener && row.receive_queue > row.send_queue;
    let is_lasting = row.state == SocketState::Established.as_str() || is_listener;
    let tone = match row.age_seconds > GRACE {
        _ if is_lasting => {
            if is_full {
                Tone::Bad
            } else {
                Tone::Plain
            }
        }
        true => Tone::Bad,
        false => Tone::Unsure,
    };
    Cell::new(text, tone)
}

fn time_in_state(row: &Connection) -> Cell {
    let more = if row.age_at_least { "+" } else { "" };
    format!("{}{more}", age(row.age_seconds, duration_text::short)).into()
}

fn idle(row: &Connection) -> Cell {
    seconds(row.idle_seconds)
}

fn seconds(seconds: Option<f64>) -> Cell {
    seconds.map_or_else(
        || Cell::new("-", Tone::Dim),
        |seconds| age(seconds, duration_text::short).into(),
    )
}

fn process(row: &Connection) -> Cell {
    printable(&row.process).into()
}

fn pid(row: &Connection) -> Cell {
    row.pid.map_or_else(|| Cell::new("-", Tone::Unsure), |pid| pid.to_string().into())
}

fn workload(row: &Connection) -> Cell {
    Cell::new(printable(&row.workload), Tone::Dim)
}

fn role(row: &Connection) -> Cell {
    Cell::new(printable(&row.role), Tone::Dim)
}

fn beyond(address: Option<IpAddr>, port: Option<u16>) -> Option<String> {
    Some(end(address?, port?))
}

pub(super) fn local(row: &Connection) -> Cell {
    let local = end(row.local_address, row.local_port);
    let seen = beyond(row.nat_local_address, row.nat_local_port)
        .map_or_else(String::new, |seen| format!(" (as {seen})"));
    format!("{local}{seen}").into()
}

pub(super) fn peer(row: &Connection) -> Cell {
    let peer = end(row.peer_address, row.peer_port);
    let process = row.peer_process.as_deref().map(printable);
    let known = match (process, beyond(row.nat_peer_address, row.nat_peer_port)) {
        (Some(process), Some(real)) => format!(" ({process} at {real})"),
        (Some(only), None) | (None, Some(only)) => format!(" ({only})"),
        (None, None) => String::new(),
    };
    format!("{peer}{known}").into()
}

fn retransmitted(row: &Connection) -> Cell {
    let tone = if row.retransmitted_segments > 0 { Tone::Unsure } else { Tone::Plain };
    Cell::new(row.retransmitted_segments.to_string(), tone)
}
