//! The answer of `connections` as a table.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::IpAddr;

use catalogue::labels::SocketState;

use super::Connections;
use crate::duration_text;
use crate::listing::answer::Connection;
use crate::listing::group::{Group, Grouped};
use crate::query::text::{age, end, printable};

const COLUMNS: [&str; 10] =
    ["STATE", "AGE", "IDLE", "PROCESS", "PID", "WORKLOAD", "ROLE", "LOCAL", "PEER", "RETRANS"];
/// Which columns are aligned to the right: those with numbers.
const RIGHT: [bool; 10] = [false, true, true, false, true, false, false, false, false, true];
/// The columns of connections that are counted, behind what they have in common.
const COUNTS: [&str; 7] = ["CONNS", "OLDEST", "IDLE>1m", "IDLE>5m", "IDLE>1h", "SENT", "RECEIVED"];
/// The largest width of a column, in letters. Longer text shifts the rest of its line.
const MAX_WIDTH: usize = 48;

/// Appends the table and a last line that counts what matches.
pub(super) fn write(answer: &Connections, page: &mut String) {
    let Connections { tracked, matched, returned, .. } = answer;
    if let Some(grouped) = &answer.grouped {
        return write_groups(grouped, *matched, *tracked, page);
    }
    let rows: Vec<[String; 10]> = answer.connections.iter().map(cells).collect();
    if !rows.is_empty() {
        write_rows(page, &COLUMNS.map(ToOwned::to_owned), &rows, RIGHT);
    }
    // Writing to a String cannot fail.
    let _ = match (*matched, answer.truncated || answer.skipped > 0) {
        (0, _) => writeln!(page, "no connection of {tracked} matches"),
        (_, true) => writeln!(
            page,
            "{returned} of {matched} connections that match shown, of {tracked}; \
             --limit and filters show others"
        ),
        (_, false) => writeln!(page, "{matched} of {tracked} connections match"),
    };
    if let Some(next) = &answer.next {
        let _ = writeln!(page, "the next: --after {}", printable(next));
    }
}

/// Appends connections that are counted.
fn write_groups(grouped: &Grouped, matched: u64, tracked: u64, page: &mut String) {
    let mut head = vec![match grouped.by.as_str() {
        "process" => "PROCESS (WORKLOAD)".to_owned(),
        by => printable(by).to_uppercase(),
    }];
    head.extend(COUNTS.map(ToOwned::to_owned));
    let mut rows: Vec<_> = grouped.groups.iter().map(|group| counts(what(group), group)).collect();
    if grouped.others.connections > 0 {
        rows.push(counts("all others".to_owned(), &grouped.others));
    }
    let right = [false, true, true, true, true, true, true, true];
    if let Ok(head) = <[String; 8]>::try_from(head)
        && !rows.is_empty()
    {
        write_rows(page, &head, &rows, right);
    }
    let Grouped { returned, known, .. } = grouped;
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "{returned} of {known} groups shown; {matched} of {tracked} connections match"
    );
}

/// Returns what the connections of a group have in common.
fn what(group: &Group) -> String {
    let Group { peer_address, peer_port, process, workload, service_port, role, .. } = group;
    if let Some(address) = peer_address {
        return peer_port.map_or_else(|| address.to_string(), |port| end(*address, port));
    }
    if let Some(process) = process {
        let workload = workload.as_deref().unwrap_or_default();
        return format!("{} ({})", printable(process), printable(workload));
    }
    let port = service_port.filter(|port| *port != 0);
    let port = port.map_or_else(|| "-".to_owned(), |port| port.to_string());
    format!("{port} ({})", printable(role.as_deref().unwrap_or_default()))
}

fn counts(what: String, group: &Group) -> [String; 8] {
    let more = if group.oldest_age_at_least { "+" } else { "" };
    [
        what,
        group.connections.to_string(),
        format!("{}{more}", age(group.oldest_age_seconds, duration_text::short)),
        group.idle_60.to_string(),
        group.idle_300.to_string(),
        group.idle_3600.to_string(),
        group.bytes_sent.to_string(),
        group.bytes_received.to_string(),
    ]
}

fn write_rows<const N: usize>(
    page: &mut String,
    head: &[String; N],
    rows: &[[String; N]],
    right: [bool; N],
) {
    let mut widths = head.each_ref().map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().clamp(*width, MAX_WIDTH.max(*width));
        }
    }
    for cells in std::iter::once(head).chain(rows) {
        let mut text = String::new();
        for ((cell, width), right) in cells.iter().zip(&widths).zip(right) {
            // Writing to a String cannot fail.
            let _ = if right {
                write!(text, "{cell:>width$}  ")
            } else {
                write!(text, "{cell:<width$}  ")
            };
        }
        let _ = writeln!(page, "{}", text.trim_end());
    }
}

fn cells(connection: &Connection) -> [String; 10] {
    let more = if connection.age_at_least { "+" } else { "" };
    let is_listener = connection.state == SocketState::Listen.as_str();
    let stage = match &connection.stage {
        Some(stage) => format!(" ({})", printable(stage)),
        None if is_listener => {
            format!(" (backlog {}/{})", connection.receive_queue, connection.send_queue)
        }
        None => String::new(),
    };
    let multipath = match &connection.mptcp_state {
        Some(own) if *own == connection.state => " (mptcp)".to_owned(),
        Some(own) => format!(" (mptcp {})", printable(own)),
        None => String::new(),
    };
    let orphan = if connection.orphan { " (orphan)" } else { "" };
    let unknown = || "-".to_owned();
    let beyond = |address: Option<IpAddr>, port: Option<u16>| Some(end(address?, port?));
    let peer = end(connection.peer_address, connection.peer_port);
    let peer_process = connection.peer_process.as_deref().map(printable);
    let peer_process =
        match (peer_process, beyond(connection.nat_peer_address, connection.nat_peer_port)) {
            (Some(process), Some(real)) => format!(" ({process} at {real})"),
            (Some(only), None) | (None, Some(only)) => format!(" ({only})"),
            (None, None) => String::new(),
        };
    let local = end(connection.local_address, connection.local_port);
    let seen = beyond(connection.nat_local_address, connection.nat_local_port)
        .map_or_else(String::new, |seen| format!(" (as {seen})"));
    [
        format!("{}{stage}{multipath}{orphan}", printable(&connection.state)),
        format!("{}{more}", age(connection.age_seconds, duration_text::short)),
        connection.idle_seconds.map_or_else(unknown, |idle| age(idle, duration_text::short)),
        printable(&connection.process),
        connection.pid.map_or_else(unknown, |pid| pid.to_string()),
        printable(&connection.workload),
        printable(&connection.role),
        format!("{local}{seen}"),
        format!("{peer}{peer_process}"),
        connection.retransmitted_segments.to_string(),
    ]
}
