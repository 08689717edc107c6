//! A list on the screen as data: columns, rows, and which rows are shown in which order.
//!
//! Guarantee: every text of a cell has passed [`printable`], so it moves no cursor.

use std::cmp::Ordering;

use crate::query::text::printable;

/// The most rows of a list; an answer of the agent has as many at the most.
pub(crate) const MOST: usize = 1000;

/// The least width of most columns of texts.
const NARROW: u16 = 12;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its head.
    pub(crate) name: &'static str,
    /// The widest that it becomes, in columns of the terminal.
    pub(crate) most: u16,
    /// It is made as narrow as this before another is left out.
    pub(crate) least: u16,
    /// Where there is no room, the column with the largest rank goes first; 0 never goes.
    pub(crate) rank: u8,
    /// Whether it has numbers: to the right, the largest first.
    pub(crate) number: bool,
}

impl Column {
    /// Returns a column of texts.
    pub(crate) const fn text(name: &'static str, most: u16, rank: u8) -> Self {
        Self { name, most, least: NARROW, rank, number: false }
    }

    /// Returns the column with a larger least width, for texts that say little when they are cut.
    pub(crate) const fn least(mut self, columns: u16) -> Self {
        self.least = columns;
        self
    }

    /// Returns a column of numbers.
    pub(crate) const fn number(name: &'static str, rank: u8) -> Self {
        Self { name, most: 12, least: 12, rank, number: true }
    }
}

/// How a text stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// It is less important.
    Dim,
    /// Something to look at.
    Warning,
    /// Something is wrong.
    Bad,
}

/// One field of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    /// Its text, without control characters.
    pub(crate) text: String,
    /// What it is sorted by; by its text without.
    pub(crate) number: Option<f64>,
    /// How it stands out.
    pub(crate) tone: Tone,
}

impl Cell {
    /// Returns a cell with a text that came over the wire.
    pub(crate) fn text(text: &str) -> Self {
        Self { text: printable(text), ..Self::default() }
    }

    /// Returns a cell with a number that is written some way; `-` without one.
    pub(crate) fn number(number: Option<f64>, write: impl Fn(f64) -> String) -> Self {
        let text = number.map_or_else(|| "-".to_owned(), write);
        Self { text, number, tone: Tone::Plain }
    }

    /// Returns a cell with a whole number; `-` without one.
    pub(crate) fn count(number: Option<f64>) -> Self {
        Self::number(number, |number| format!("{number:.0}"))
    }

    /// Returns a cell with a rate a second.
    pub(crate) fn rate(number: Option<f64>) -> Self {
        Self::number(number, rate)
    }

    /// Returns the same with a tone, if `is` holds.
    pub(crate) fn toned(self, tone: Tone, is: bool) -> Self {
        if is { Self { tone, ..self } } else { self }
    }
}

/// Writes a rate a second.
pub(crate) fn rate(rate: f64) -> String {
    let digits = match rate {
        0.0 | 99.95.. => 0,
        0.095.. => 1,
        _ => 2,
    };
    format!("{rate:.digits$}")
}

/// One line of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// What it is about, the same at every refresh: so it stays selected.
    pub(crate) id: String,
    /// As many cells as there are columns.
    pub(crate) cells: Vec<Cell>,
    /// What is said about it while it is selected, without control characters.
    pub(crate) detail: String,
    /// The parameters of the query for its sockets; `None` if it has none.
    pub(crate) sockets: Option<String>,
}

/// A list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// Its columns.
    pub(crate) columns: &'static [Column],
    /// Its rows, at most [`MOST`].
    pub(crate) rows: Vec<Row>,
    /// What stands below it: what is left out, or why there is nothing. Control characters are
    /// escaped already.
    pub(crate) note: String,
    /// Whether people choose the order.
    pub(crate) sorts: bool,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// The place of the column.
    pub(crate) column: usize,
    /// Whether the order is the other way round.
    pub(crate) reversed: bool,
}

impl Table {
    /// Returns the places of the rows that contain a text, in order. Equal rows stay as they came.
    pub(crate) fn arranged(&self, order: Order, filter: &str) -> Vec<usize> {
        let filter = filter.to_lowercase();
        let holds = |row: &Row| {
            filter.is_empty()
                || row.cells.iter().any(|cell| cell.text.to_lowercase().contains(&filter))
        };
        let places = self.rows.iter().enumerate().filter(|(_, row)| holds(row));
        let mut places: Vec<usize> = places.map(|(place, _)| place).collect();
        let Some(column) = self.columns.get(order.column).filter(|_| self.sorts) else {
            return places;
        };
        let cell = |place: usize| self.rows[place].cells.get(order.column);
        places.sort_by(|one, other| {
            let (Some(one), Some(other)) = (cell(*one), cell(*other)) else {
                return Ordering::Equal;
            };
            compare(one, other, column.number != order.reversed)
        });
        places
    }
}

/// Compares two cells of a column. What has no number comes last in any order.
fn compare(one: &Cell, other: &Cell, descends: bool) -> Ordering {
    let turned = |ordering: Ordering| if descends { ordering.reverse() } else { ordering };
    match (one.number, other.number) {
        (Some(one), Some(other)) => turned(one.total_cmp(&other)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => turned(one.text.cmp(&other.text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLUMNS: [Column; 2] = [Column::text("NAME", 20, 0), Column::number("COUNT", 1)];

    fn table(rows: &[(&str, Option<f64>)]) -> Table {
        let row = |(name, count): &(&str, Option<f64>)| Row {
            cells: vec![Cell::text(name), Cell::count(*count)],
            ..Row::default()
        };
        Table {
            columns: &COLUMNS,
            rows: rows.iter().map(row).collect(),
            sorts: true,
            ..Table::default()
        }
    }

    fn by(column: usize, reversed: bool) -> Order {
        Order { column, reversed }
    }

    #[test]
    fn numbers_come_the_largest_first_and_what_has_none_comes_last() {
        let table = table(&[("b", Some(2.0)), ("a", None), ("c", Some(10.0)), ("d", Some(2.0))]);
        assert_eq!(table.arranged(by(1, false), ""), [2, 0, 3, 1]);
        assert_eq!(table.arranged(by(1, true), ""), [0, 3, 2, 1]);
        assert_eq!(table.arranged(by(0, false), ""), [1, 0, 2, 3]);
        assert_eq!(table.arranged(by(0, true), ""), [3, 2, 0, 1]);
        assert_eq!(table.arranged(by(9, false), ""), [0, 1, 2, 3]);
    }

    #[test]
    fn a_list_that_does_not_sort_stays_as_it_came() {
        let table = Table { sorts: false, ..table(&[("b", None), ("a", None)]) };
        assert_eq!(table.arranged(by(0, false), ""), [0, 1]);
    }

    #[test]
    fn the_filter_looks_into_every_cell_and_at_no_case() {
        let table = table(&[("Nginx", Some(7.0)), ("curl", Some(17.0)), ("x", Some(3.0))]);
        assert_eq!(table.arranged(by(0, false), "NGI"), [0]);
        assert_eq!(table.arranged(by(1, false), "7"), [1, 0]);
        assert!(table.arranged(by(0, false), "nothing").is_empty());
        assert!(Table::default().arranged(by(0, false), "").is_empty());
    }

    #[test]
    fn a_cell_has_no_control_characters_and_an_end() {
        assert_eq!(Cell::text("a\u{1b}[2J\u{202e}b").text, "a\\u{1b}[2J\\u{202e}b");
        assert!(Cell::text(&"x".repeat(10_000)).text.len() <= 1000);
        assert_eq!(Cell::rate(Some(0.26)).text, "0.3");
        assert_eq!(Cell::rate(Some(0.02)).text, "0.02");
        assert_eq!(Cell::rate(Some(0.0)).text, "0");
        assert_eq!(Cell::rate(Some(1234.5)).text, "1234");
        assert_eq!(Cell::rate(None).text, "-");
    }
}
