//! The columns of an answer's rows, and the table or CSV that shows those which were chosen.
//!
//! A query declares its [`Column`]s once, for text and for CSV. Guarantees: a column that is a
//! field of the answer has the field's name, and its value in CSV; all text is cleaned of what
//! controls a terminal.

use serde::Serialize;
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

use super::Refusal;
use super::text::{escape_json, printable};
use super::view::{Format, View};
use crate::table::{Cell, Rule, Table, Tone, csv};

/// How alike a known name must be to be suggested, 0 to 1.
const ALIKE: f64 = 0.75;
/// The most letters of a refused name that a refusal repeats.
const MAX_SHOWN: usize = 100;

/// Where a column stands unless columns are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In every table.
    Text,
    /// In wide ones.
    Wide,
    /// In none: it has to be named.
    Named,
}

/// A column of rows of the type `R`.
#[derive(Debug)]
pub(super) struct Column<R> {
    name: &'static str,
    /// The title where it is not the name in capitals.
    title: &'static str,
    rule: Rule,
    place: Place,
    /// Whether the row has a field of that name.
    is_field: bool,
    cell: Option<fn(&R) -> Cell>,
}

impl<R> Column<R> {
    /// Returns a column with a field of the row, by its name in JSON, or with one that the rows of
    /// an answer share ([`Sheet::share`]).
    pub(super) const fn field(name: &'static str) -> Self {
        Self { name, title: "", rule: Rule::LEFT, place: Place::Named, is_field: true, cell: None }
    }

    /// Returns a column of text that is made of several fields. CSV has it where it is named.
    pub(super) const fn made(name: &'static str, cell: fn(&R) -> Cell) -> Self {
        Self { is_field: false, cell: Some(cell), ..Self::field(name) }
    }

    /// Sets the title, by which the column can be named too.
    pub(super) const fn title(self, title: &'static str) -> Self {
        Self { title, ..self }
    }

    /// Sets how it is laid out.
    pub(super) const fn rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// Shows it in every table.
    pub(super) const fn text(self) -> Self {
        Self { place: Place::Text, ..self }
    }

    /// Shows it in wide tables.
    pub(super) const fn wide(self) -> Self {
        Self { place: Place::Wide, ..self }
    }

    /// Sets the text in a table. Without it a table has the value.
    pub(super) const fn cell(self, cell: fn(&R) -> Cell) -> Self {
        Self { cell: Some(cell), ..self }
    }

    fn heading(&self) -> String {
        if self.title.is_empty() { self.name.to_uppercase() } else { self.title.to_owned() }
    }

    fn is_in(&self, format: Format) -> bool {
        match format {
            Format::Csv => self.is_field,
            Format::Wide => self.place != Place::Named,
            Format::Text | Format::Json => self.place == Place::Text,
        }
    }
}

/// By what a column can be chosen: name and title.
pub(super) type Naming = (&'static str, &'static str);

/// Returns by what the columns can be chosen.
pub(super) fn names<R>(columns: &[Column<R>]) -> Vec<Naming> {
    columns.iter().map(|column| (column.name, column.title)).collect()
}

/// Returns which of the known columns were chosen, in the order of the choice. `_` and `-` are the
/// same, and so are small and capital letters.
///
/// # Errors
/// A name that no column has, or the same column twice.
pub(super) fn choose(known: &[Naming], asked: &[String]) -> Result<Vec<usize>, Refusal> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let mut chosen = Vec::new();
    for name in asked {
        let wanted = plain(name);
        let is_it = |(name, title): &Naming| *name == wanted || plain(title) == wanted;
        // An empty title is none.
        let found = known.iter().position(is_it).filter(|_| !wanted.is_empty());
        match found {
            Some(place) if chosen.contains(&place) => {
                return Err(refusal(name, "each column once".to_owned()));
            }
            Some(place) => chosen.push(place),
            None => return Err(refusal(name, allowed(known, &wanted))),
        }
    }
    Ok(chosen)
}

/// Returns what is allowed in place of an unknown name.
fn allowed(known: &[Naming], wanted: &str) -> String {
    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    let likeness = |name: &&str| strsim::jaro_winkler(name, wanted);
    let near = names.iter().copied().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let near = near.filter(|near| likeness(near) >= ALIKE);
    let near = near.map_or_else(String::new, |near| format!("; {near} is the nearest"));
    format!("one of {}{near}", names.join(", "))
}

fn refusal(name: &str, allowed: String) -> Refusal {
    let value = printable(&name.chars().take(MAX_SHOWN).collect::<String>());
    Refusal { parameter: "columns".to_owned(), value, allowed }
}

/// The rows of an answer in the columns that were chosen.
pub(super) struct Sheet<'a, R: 'static> {
    columns: Vec<&'static Column<R>>,
    view: &'a View,
    shared: Map<String, Value>,
    table: Table,
    records: String,
    is_empty: bool,
}

impl<'a, R: Serialize> Sheet<'a, R> {
    /// Returns a sheet without rows. The title of the first column is another one if it is named.
    pub(super) fn new(known: &'static [Column<R>], view: &'a View, first: Option<&str>) -> Self {
        let chosen = choose(&names(known), &view.columns).unwrap_or_default();
        let columns: Vec<_> = if chosen.is_empty() {
            known.iter().filter(|column| column.is_in(view.format)).collect()
        } else {
            chosen.into_iter().filter_map(|place| known.get(place)).collect()
        };
        let is_first = |column: &Column<R>| known.first().is_some_and(|it| it.name == column.name);
        let heading = |column: &Column<R>| match first {
            Some(title) if is_first(column) => title.to_owned(),
            _ => column.heading(),
        };
        let heads: Vec<_> = columns.iter().map(|column| (heading(column), column.rule)).collect();
        let mut records = String::new();
        if view.format == Format::Csv && view.with_head {
            let names: Vec<_> = columns.iter().map(|column| column.name).collect();
            csv::record(&names, &mut records);
        }
        let (shared, table) = (Map::new(), Table::new(heads, 2));
        Self { columns, view, shared, table, records, is_empty: true }
    }

    /// Sets a field that all rows from here on share.
    pub(super) fn share(&mut self, name: &str, value: &str) {
        self.shared.insert(name.to_owned(), Value::from(value));
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: &R) {
        self.is_empty = false;
        let fields = match serde_json::to_value(row) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let value = |column: &Column<R>| {
            fields.get(column.name).or_else(|| self.shared.get(column.name)).unwrap_or(&Value::Null)
        };
        if self.view.format == Format::Csv {
            let record = self.columns.iter().map(|column| match column.cell {
                Some(cell) if !column.is_field => cell(row).text,
                _ => plain(value(column)),
            });
            csv::record(&record.collect::<Vec<_>>(), &mut self.records);
            return;
        }
        let cells = self.columns.iter().map(|column| match column.cell {
            Some(cell) => cell(row),
            None => shown(value(column)),
        });
        let cells = cells.collect();
        self.table.row(cells);
    }

    /// Adds what belongs to the last row: cells for the first columns and text behind them. Only
    /// tables have it whose columns nobody chose.
    pub(super) fn below(&mut self, cells: Vec<Cell>, rest: Cell) {
        if self.view.format != Format::Csv && self.view.columns.is_empty() {
            self.table.below(cells, rest);
        }
    }

    /// Appends the table or the records.
    pub(super) fn write(self, page: &mut String) {
        if self.view.format == Format::Csv {
            page.push_str(&self.records);
        } else if !self.is_empty {
            let left_out = self.table.write(self.view.look(), page);
            if !left_out.is_empty() {
                let names = left_out.join(", ");
                let note = format!("no room for {names}: -o wide or --columns shows them");
                page.push_str(&self.view.paint(Tone::Dim, &note));
                page.push('\n');
            }
        }
    }
}

/// Returns a value of JSON as CSV has it: text without quotes, nothing for `null`, what has parts
/// as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => escape_json(&other.to_string()),
    }
}

/// Returns a value of JSON as a table has it.
fn shown(value: &Value) -> Cell {
    match plain(value) {
        empty if empty.is_empty() => Cell::new("-", Tone::Dim),
        text => text.into(),
    }
}
