//! One socket: every field that the API has of it, under the name that it has there.

use serde_json::Value;

use super::short;
use crate::listing::answer::Connection;
use crate::top::table::{Cell, Column, Row, Table};

static COLUMNS: [Column; 2] = [Column::text("FIELD", 30, 0), Column::text("VALUE", 200, 0)];

/// The fields that come first, in this order. All others follow by their names.
const FIRST: [&str; 14] = [
    "state",
    "stage",
    "age_seconds",
    "connection_age_seconds",
    "idle_seconds",
    "local_address",
    "local_port",
    "peer_address",
    "peer_port",
    "peer_process",
    "process",
    "pid",
    "workload",
    "role",
];

/// Returns the list. `gone` is when the socket was found to be gone, if it was.
pub(crate) fn table(connection: &Connection, gone: Option<&str>) -> Table {
    let fields = match serde_json::to_value(connection) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let first = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
    let rest = fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let row = |(name, value): (&String, &Value)| Row {
        id: name.clone(),
        cells: vec![Cell::text(name), Cell::text(&text(name, value))],
        ..Row::default()
    };
    let rows = first.chain(rest).map(row).collect();
    let note = gone.map_or_else(String::new, |at| {
        format!("closed, or not among those that match any more, since {at}; this was known last")
    });
    Table { columns: &COLUMNS, rows, note, sorts: false }
}

fn text(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64().filter(|_| name.ends_with("_seconds")) {
            Some(seconds) => format!("{} ({number} s)", short(seconds)),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_api_is_there_once_the_known_ones_first() {
        let connection = Connection {
            state: "close_wait\u{1b}c".to_owned(),
            age_seconds: 75.5,
            orphan: true,
            ..Connection::default()
        };
        let table = table(&connection, None);
        let names: Vec<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(names[..FIRST.len()], FIRST);
        let fields = serde_json::to_value(&connection).unwrap();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        let all: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(sorted, all);
        let value = |name: &str| {
            let row = table.rows.iter().find(|row| row.id == name).unwrap();
            row.cells[1].text.as_str()
        };
        assert_eq!(value("state"), "close_wait\\u{1b}c");
        assert_eq!(value("age_seconds"), "1m15s (75.5 s)");
        assert_eq!((value("orphan"), value("pid")), ("yes", "-"));
    }

    #[test]
    fn a_socket_that_is_gone_says_since_when() {
        let table = table(&Connection::default(), Some("14:16:55"));
        assert!(table.note.contains("since 14:16:55"), "{}", table.note);
    }
}
