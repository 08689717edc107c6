//! The answer of `connections` as a table.

use std::fmt::Write as _;

use super::Connections;
use crate::duration_text;
use crate::listing::answer::Connection;
use crate::query::text::{age, end, printable};

const COLUMNS: [&str; 9] =
    ["STATE", "AGE", "PROCESS", "PID", "WORKLOAD", "ROLE", "LOCAL", "PEER", "RETRANS"];
/// Which columns are aligned to the right: those with numbers.
const RIGHT: [bool; 9] = [false, true, false, true, false, false, false, false, true];
/// The largest width of a column, in letters. Longer text shifts the rest of its line.
const MAX_WIDTH: usize = 48;

/// Appends the table and a last line that counts what matches.
pub(super) fn write(answer: &Connections, page: &mut String) {
    let rows: Vec<[String; 9]> = answer.connections.iter().map(cells).collect();
    let mut widths = COLUMNS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().clamp(*width, MAX_WIDTH.max(*width));
        }
    }
    if !rows.is_empty() {
        line(page, &COLUMNS.map(ToOwned::to_owned), &widths);
    }
    for row in &rows {
        line(page, row, &widths);
    }
    let Connections { tracked, matched, returned, .. } = answer;
    // Writing to a String cannot fail.
    let _ = match (*matched, answer.truncated) {
        (0, _) => writeln!(page, "no connection of {tracked} matches"),
        (_, true) => writeln!(
            page,
            "{returned} of {matched} connections that match shown, of {tracked}; \
             --limit and filters show others"
        ),
        (_, false) => writeln!(page, "{matched} of {tracked} connections match"),
    };
}

fn line(page: &mut String, cells: &[String; 9], widths: &[usize; 9]) {
    let mut text = String::new();
    for ((cell, width), right) in cells.iter().zip(widths).zip(RIGHT) {
        let _ =
            if right { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:<width$}  ") };
    }
    let _ = writeln!(page, "{}", text.trim_end());
}

fn cells(connection: &Connection) -> [String; 9] {
    let more = if connection.age_at_least { "+" } else { "" };
    let stage = connection
        .stage
        .as_deref()
        .map(|stage| format!(" ({})", printable(stage)))
        .unwrap_or_default();
    let orphan = if connection.orphan { " (orphan)" } else { "" };
    [
        format!("{}{stage}{orphan}", printable(&connection.state)),
        format!("{}{more}", age(connection.age_seconds, duration_text::short)),
        printable(&connection.process),
        connection.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        printable(&connection.workload),
        printable(&connection.role),
        end(connection.local_address, connection.local_port),
        end(connection.peer_address, connection.peer_port),
        connection.retransmitted_segments.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(process: &str) -> Connection {
        Connection {
            state: "close_wait".into(),
            stage: Some("read".into()),
            age_seconds: 11_530.2,
            age_at_least: true,
            process: process.into(),
            pid: Some(4711),
            workload: "orders.service".into(),
            role: "client".into(),
            local_address: [10, 0, 0, 1].into(),
            local_port: 40000,
            peer_address: [10, 0, 0, 9].into(),
            peer_port: 5432,
            ..Connection::default()
        }
    }

    #[test]
    fn the_table_is_aligned_and_says_what_it_leaves_out() {
        let connections =
            vec![connection("orders-api"), Connection { pid: None, ..connection("x") }];
        let answer = Connections {
            tracked: 900,
            matched: 412,
            returned: 2,
            truncated: true,
            connections,
            ..Connections::default()
        };
        let mut page = String::new();
        write(&answer, &mut page);
        assert_eq!(
            page,
            "\
STATE                 AGE  PROCESS      PID  WORKLOAD        ROLE    \
LOCAL           PEER           RETRANS
close_wait (read)  3h12m+  orders-api  4711  orders.service  client  \
10.0.0.1:40000  10.0.0.9:5432        0
close_wait (read)  3h12m+  x              -  orders.service  client  \
10.0.0.1:40000  10.0.0.9:5432        0
2 of 412 connections that match shown, of 900; --limit and filters show others
"
        );
    }

    #[test]
    fn a_name_cannot_control_the_terminal_or_break_the_line() {
        let evil = "a\u{1b}]0;x\u{7}\nb\u{202e}";
        let connections =
            vec![Connection { state: evil.into(), workload: evil.into(), ..connection(evil) }];
        let mut page = String::new();
        write(
            &Connections { matched: 1, returned: 1, connections, ..Connections::default() },
            &mut page,
        );
        assert_eq!(page.lines().count(), 3);
        assert!(
            !page.chars().any(|c| crate::events::names::controls_terminal(c) && c != '\n'),
            "{page:?}"
        );
    }
}
