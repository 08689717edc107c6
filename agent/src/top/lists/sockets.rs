//! The sockets of what was selected: `/api/v1/connections`, filtered by it.

use super::{at_least, number, short, shown_of};
use crate::listing::answer::Connection;
use crate::query::connections::Connections;
use crate::query::text::{end, printable};
use crate::top::table::{Cell, Column, MOST, Row, Table, Tone};

/// The longest state with its stage: `close_wait (unaccepted)`.
const STATE: u16 = 23;
/// The longest address of IPv4 with its port.
const END: u16 = 21;

static COLUMNS: [Column; 12] = [
    Column::text("STATE", 24, 0).least(STATE),
    Column::number("AGE", 0),
    Column::text("PEER", 47, 1).least(END),
    Column::text("LOCAL", 47, 3).least(END),
    Column::number("IDLE", 4),
    Column::text("PROCESS", 24, 5),
    Column::number("PID", 2),
    Column::number("RECVQ", 6),
    Column::number("SENDQ", 7),
    Column::number("RETRANS", 8),
    Column::text("ROLE", 8, 9),
    Column::text("WORKLOAD", 40, 10),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 1;

/// Returns the list; without an answer it is empty.
pub(crate) fn table(answer: Option<&Connections>) -> Table {
    let connections = answer.into_iter().flat_map(|answer| &answer.connections);
    let rows: Vec<Row> = connections.take(MOST).map(row).collect();
    let note = answer.map_or_else(String::new, |answer| match answer.matched {
        0 => format!("no connection of {} matches", answer.tracked),
        matched => shown_of(rows.len(), matched),
    });
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

/// Returns what tells a socket from all others of its time.
pub(crate) fn id(connection: &Connection) -> String {
    let local = end(connection.local_address, connection.local_port);
    let peer = end(connection.peer_address, connection.peer_port);
    // Several processes may listen at one address (SO_REUSEPORT). A connection keeps its id when it
    // is handed over: no other has its ends.
    let pid = connection.pid.filter(|_| connection.peer_port == 0);
    let pid = pid.map_or_else(String::new, |pid| format!(" pid {pid}"));
    format!("{local} {peer} {}{pid}", connection.netns)
}

fn row(connection: &Connection) -> Row {
    let behind = |text: &Option<String>| {
        text.as_deref().map_or_else(String::new, |text| format!(" ({})", printable(text)))
    };
    let state = format!("{}{}", printable(&connection.state), behind(&connection.stage));
    let peer = behind(&connection.peer_process);
    let ends = |address, port| end(address, port);
    let age = connection.age_seconds;
    let queue = |bytes: u32| Cell::count(Some(number(bytes.into())));
    let cells = vec![
        Cell::text(&state),
        Cell::number(Some(age), |age| at_least(age, connection.age_at_least)),
        Cell::text(&format!("{}{}", ends(connection.peer_address, connection.peer_port), peer)),
        Cell::text(&ends(connection.local_address, connection.local_port)),
        Cell::number(connection.idle_seconds, short),
        Cell::text(&connection.process),
        Cell::count(connection.pid.map(|pid| number(pid.into()))),
        queue(connection.receive_queue),
        queue(connection.send_queue),
        queue(connection.retransmitted_segments)
            .toned(Tone::Warning, connection.retransmitted_segments > 0),
        Cell::text(&connection.role),
        Cell::text(&connection.workload),
    ];
    Row { id: id(connection), cells, detail: String::new(), sockets: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_shows_its_ends_and_where_the_rest_is() {
        let connection = Connection {
            state: "close_wait".to_owned(),
            stage: Some("read".to_owned()),
            age_seconds: 75.0,
            age_at_least: true,
            peer_address: "127.0.0.1".parse().unwrap(),
            peer_port: 5432,
            peer_process: Some("post\u{7}gres".to_owned()),
            pid: Some(1077),
            ..Connection::default()
        };
        let answer =
            Connections { matched: 60, connections: vec![connection], ..Connections::default() };
        let table = table(Some(&answer));
        let texts: Vec<_> = table.rows[0].cells.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(
            texts[..7],
            [
                "close_wait (read)",
                "1m15s+",
                "127.0.0.1:5432 (post\\u{7}gres)",
                "*",
                "-",
                "",
                "1077"
            ]
        );
        assert_eq!(table.note, "1 of 60 shown");
    }

    #[test]
    fn listeners_of_several_processes_differ_and_a_connection_is_the_same_when_handed_over() {
        let socket =
            |peer_port, pid| Connection { peer_port, pid: Some(pid), ..Connection::default() };
        assert_ne!(id(&socket(0, 7)), id(&socket(0, 9)));
        assert_eq!(id(&socket(5432, 7)), id(&socket(5432, 9)));
    }

    #[test]
    fn no_answer_and_an_empty_one_differ() {
        assert_eq!(table(None).note, "");
        assert_eq!(table(Some(&Connections::default())).note, "no connection of 0 matches");
    }
}
