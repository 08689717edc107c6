//! What changed between refreshes, the newest first.

use super::short;
use crate::top::changes::{Entry, History};
use crate::top::table::{Cell, Column, MOST, Row, Table};

static COLUMNS: [Column; 5] = [
    Column::number("TIME", 0),
    Column::text("WHAT", 10, 0),
    Column::text("PROCESS", 24, 1),
    Column::text("CHANGE", 200, 0),
    Column::number("WITHIN", 2),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 0;

/// Returns the list.
pub(crate) fn table(history: &History) -> Table {
    let rows: Vec<Row> = history.newest().take(MOST).map(row).collect();
    let note = if rows.is_empty() {
        "nothing has changed since this view began".to_owned()
    } else {
        "differences between two refreshes; what came and went in between is not seen".to_owned()
    };
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

#[expect(clippy::cast_precision_loss, reason = "it is sorted by, and no more")]
fn row(entry: &Entry) -> Row {
    let change = &entry.change;
    let cells = vec![
        Cell { number: Some(entry.number as f64), ..Cell::text(&entry.at) },
        Cell::text(change.what).toned(change.tone, true),
        Cell::text(if change.process.is_empty() { "-" } else { &change.process }),
        Cell::text(&change.text),
        Cell::number(Some(entry.over.as_secs_f64()), |over| short(over.ceil())),
    ];
    let detail = cells[3].text.clone();
    Row { id: entry.number.to_string(), cells, detail, sockets: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::top::changes::Change;
    use crate::top::table::Order;

    #[test]
    fn the_newest_change_comes_first_and_the_other_way_round_last() {
        let mut history = History::default();
        assert!(table(&history).note.starts_with("nothing has changed"));
        for at in ["10:00:00", "10:00:02"] {
            let change =
                Change { what: "failed", text: "x\u{1b}y".to_owned(), ..Change::default() };
            history.take(at, Duration::from_millis(1900), vec![change]);
        }
        let table = table(&history);
        let texts: Vec<_> = table.rows[0].cells.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["10:00:02", "failed", "-", "x\\u{1b}y", "2s"]);
        let order = |reversed| Order { column: FIRST, reversed };
        assert_eq!(table.arranged(order(false), ""), [0, 1]);
        assert_eq!(table.arranged(order(true), ""), [1, 0]);
    }
}
