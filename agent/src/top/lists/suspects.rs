//! The suspects and the notes of `/api/v1/leaks`.

use super::{at_least, is_exact, number, parameters};
use crate::leaks::Leaks;
use crate::leaks::suspect::Suspect;
use crate::query::text::printable;
use crate::top::table::{Cell, Column, MOST, Row, Table, Tone};

static COLUMNS: [Column; 11] = [
    Column::text("PROCESS", 24, 0),
    Column::number("CONNS", 0),
    Column::text("KIND", 24, 1),
    Column::number("OLDEST", 2),
    Column::number("ADD/MIN", 3),
    Column::number("PORT", 4),
    Column::text("CERTAINTY", 12, 5),
    Column::number("PID", 6),
    Column::text("STATE", 12, 7),
    Column::text("WORKLOAD", 40, 8),
    Column::number("SCORE", 9),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 10;

/// Returns the list.
pub(crate) fn table(leaks: &Leaks) -> Table {
    let suspects = leaks.suspects.iter().map(|suspect| row(suspect, false));
    let notes = leaks.notes.iter().map(|note| row(note, true));
    let rows: Vec<Row> = suspects.chain(notes).take(MOST).collect();
    let looked_at = &leaks.looked_at;
    let mut note = if leaks.suspects.is_empty() {
        format!(
            "no suspects: looked at {} connections, {} of them in a transient state",
            looked_at.connections, looked_at.in_leak_states
        )
    } else {
        let shown = leaks.suspects.len();
        let plural = if leaks.matched == 1 { "" } else { "s" };
        format!("{shown} of {} suspect{plural}", leaks.matched)
    };
    if !leaks.notes.is_empty() {
        note.push_str("; notes accuse nobody");
    }
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

/// Returns what tells a suspect from all others, the same at every refresh.
pub(crate) fn id(suspect: &Suspect) -> String {
    let Suspect { kind, process, workload, role, state, service_port, .. } = suspect;
    let port = service_port.map_or_else(String::new, |port| port.to_string());
    [kind, process, workload, role, state, &port].map(|part| printable(part)).join("\n")
}

fn row(suspect: &Suspect, is_note: bool) -> Row {
    let port = suspect.service_port.map(|port| number(port.into()));
    let pid = suspect.pids.first().map(|pid| number(pid.pid.into()));
    let oldest = at_least(suspect.oldest_age_seconds, suspect.oldest_age_at_least);
    let is_likely = suspect.certainty == "likely";
    let tone = match (is_note, is_likely) {
        (true, _) => Tone::Dim,
        (false, true) => Tone::Bad,
        (false, false) => Tone::Warning,
    };
    let certainty = if is_note { "note" } else { &suspect.certainty };
    let cells = vec![
        Cell::text(&suspect.process).toned(tone, true),
        Cell::count(Some(number(suspect.connections))),
        Cell::text(&suspect.kind),
        Cell::number(Some(suspect.oldest_age_seconds), |_| oldest.clone()),
        Cell::number(suspect.growth_per_minute, |growth| format!("{growth:+.1}")),
        Cell::count(port),
        Cell::text(certainty).toned(tone, true),
        Cell::count(pid),
        Cell::text(&suspect.state),
        Cell::text(&suspect.workload),
        Cell::count(Some(number(suspect.score))),
    ];
    let next = match &suspect.expected {
        Some(why) => format!("; expected: {}", printable(why)),
        None if suspect.next_step.is_empty() => String::new(),
        None => format!("; next: {}", printable(&suspect.next_step)),
    };
    let detail = format!("{}{next}", printable(&suspect.sentence));
    Row { id: id(suspect), cells, detail, sockets: sockets(suspect) }
}

/// Returns the parameters of the query for the connections of a suspect: by its names, or by its
/// process ids if a name would stand for others too; `None` if not all of these are known.
fn sockets(suspect: &Suspect) -> Option<String> {
    let is_named = is_exact(&suspect.process) && is_exact(&suspect.workload);
    let pids: Vec<_> = suspect.pids.iter().map(|one| one.pid.to_string()).collect();
    let pids = if is_named { String::new() } else { pids.join(",") };
    if !is_named && (pids.is_empty() || suspect.connections_of_other_pids > 0) {
        return None;
    }
    let port = suspect.service_port.map_or_else(String::new, |port| port.to_string());
    let multipath = if suspect.kind == "mptcp_close_wait" { "close_wait" } else { "" };
    Some(parameters(&[
        ("process", &suspect.process),
        ("workload", &suspect.workload),
        ("pid", &pids),
        ("role", &suspect.role),
        ("state", &suspect.state),
        ("mptcp_state", multipath),
        ("service_port", &port),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::suspect::Pid;
    use crate::query::ALL;

    fn suspect(process: &str) -> Suspect {
        Suspect {
            process: process.to_owned(),
            workload: "host".to_owned(),
            role: "client".to_owned(),
            state: "close_wait".to_owned(),
            kind: "never_closed".to_owned(),
            certainty: "likely".to_owned(),
            service_port: Some(5432),
            connections: 60,
            growth_per_minute: Some(54.0),
            ..Suspect::default()
        }
    }

    #[test]
    fn a_suspect_leads_to_its_sockets_by_a_query_that_the_agent_takes() {
        for process in ["orders-api", "a b&c=d?", "\u{1b}[2J\n"] {
            let table = table(&Leaks { suspects: vec![suspect(process)], ..Leaks::default() });
            let asked = table.rows[0].sockets.clone().unwrap();
            let connections = ALL.iter().find(|query| query.path() == "/api/v1/connections");
            assert!(connections.unwrap().prepare(&asked).is_ok(), "{asked}");
            assert!(asked.contains("state=close_wait&service_port=5432&limit=1000"), "{asked}");
            assert!(!asked.contains("mptcp"), "{asked}");
        }
    }

    #[test]
    fn a_name_that_would_stand_for_others_too_is_asked_by_its_processes() {
        let pids = vec![Pid { pid: 7, connections: 2 }, Pid { pid: 9, connections: 1 }];
        let known = Suspect { pids, ..suspect("a*") };
        let asked = sockets(&known).unwrap();
        assert!(asked.starts_with("workload=host&pid=7%2C9&role=client"), "{asked}");
        let connections = ALL.iter().find(|query| query.path() == "/api/v1/connections");
        assert!(connections.unwrap().prepare(&asked).is_ok(), "{asked}");
        assert_eq!(sockets(&Suspect { connections_of_other_pids: 1, ..known }), None);
        assert_eq!(sockets(&suspect("a*")), None);
        assert!(!sockets(&suspect("a")).unwrap().contains("pid="));
    }

    #[test]
    fn notes_stand_behind_the_suspects_and_accuse_nobody() {
        let table = table(&Leaks {
            matched: 1,
            suspects: vec![suspect("a")],
            notes: vec![suspect("b")],
            ..Leaks::default()
        });
        assert_eq!(table.note, "1 of 1 suspect; notes accuse nobody");
        assert_eq!(table.rows[1].cells[6].text, "note");
        assert_eq!(table.rows[0].cells[4].text, "+54.0");
        assert!(table.rows.iter().all(|row| row.cells.len() == COLUMNS.len()));
    }

    #[test]
    fn a_machine_without_suspects_is_told_what_was_looked_at() {
        assert!(table(&Leaks::default()).note.starts_with("no suspects: looked at 0 connections"));
    }
}
