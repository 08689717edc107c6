//! Tables of text: columns that are aligned on a terminal, whatever is in them.
//!
//! The only place of the program that pads text. Used by the queries, `check` and `events`. A
//! caller cleans what came from outside first ([`crate::events::names::printable`]). Guarantees:
//! without colours and without a width a table has the same bytes wherever it is written; no line
//! ends in padding; any text has its line, and the next cell stands behind it.

pub(crate) mod csv;
mod fit;
mod tone;

#[cfg(test)]
mod tests;

use fit::Layout;
pub(crate) use fit::{cut, width};
pub(crate) use tone::Tone;

/// The largest width of a column, in cells of a terminal. Longer text shifts the rest of its line.
const MOST: usize = 48;

/// How a column is laid out. Widths are in cells of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Whether its text ends at the right: numbers do.
    is_right: bool,
    /// It is at least so wide, also if nothing in it is.
    least: usize,
    /// On a narrow terminal its text may be cut to this width; 0 if it is never cut.
    cut_to: usize,
    /// On a narrow terminal the columns with the highest rank go first; one of rank 0 stays.
    rank: u8,
}

impl Rule {
    /// A column of text that is neither cut nor left out.
    pub(crate) const LEFT: Self = Self { is_right: false, least: 0, cut_to: 0, rank: 0 };
    /// The same for numbers.
    pub(crate) const RIGHT: Self = Self { is_right: true, ..Self::LEFT };

    /// Sets the least width.
    pub(crate) const fn least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// Lets a narrow terminal cut the text to a width.
    pub(crate) const fn cut_to(self, cut_to: usize) -> Self {
        Self { cut_to, ..self }
    }

    /// Lets a narrow terminal leave the column out; those with the highest rank go first.
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Text at one place of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The text, cleaned.
    pub(crate) text: String,
    /// What it says to somebody who only glances.
    pub(crate) tone: Tone,
}

impl Cell {
    /// Returns a cell with a tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// How a table meets its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// How wide the terminal is; `None` for a file, a pipe, and a table that is not to be cut.
    pub(crate) width: Option<usize>,
    /// Whether tones are colours.
    pub(crate) colour: bool,
}

#[derive(Clone, Debug)]
enum Line {
    Row(Vec<Cell>),
    /// The first cells of a line, and text that goes on over all other columns.
    Below(Vec<Cell>, Cell),
}

/// A table that grows by lines and is written at once.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    titles: Vec<String>,
    rules: Vec<Rule>,
    lines: Vec<Line>,
    /// The blanks between two columns.
    gap: usize,
}

impl Table {
    /// Returns a table without lines.
    pub(crate) fn new(columns: impl IntoIterator<Item = (String, Rule)>, gap: usize) -> Self {
        let (titles, rules) = columns.into_iter().unzip();
        Self { titles, rules, lines: Vec::new(), gap }
    }

    /// Adds a line with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.rules.len());
        self.lines.push(Line::Row(cells));
    }

    /// Adds a line with cells for the first columns and text behind them.
    pub(crate) fn below(&mut self, cells: Vec<Cell>, rest: Cell) {
        debug_assert!(cells.len() <= self.rules.len());
        self.lines.push(Line::Below(cells, rest));
    }

    /// Appends the titles and all lines. Returns the titles of the columns that the terminal had no
    /// room for.
    pub(crate) fn write(&self, look: Look, page: &mut String) -> Vec<&str> {
        let layout = Layout::of(&self.rules, &self.natural(), self.gap, look.width);
        let titles = self.titles.iter().map(|title| Cell::new(title.as_str(), Tone::Dim));
        self.line(&Line::Row(titles.collect()), &layout, look, page);
        for line in &self.lines {
            self.line(line, &layout, look, page);
        }
        let left_out = self.titles.iter().zip(&layout.shown).filter(|(_, shown)| !**shown);
        left_out.map(|(title, _)| title.as_str()).collect()
    }

    /// Returns of each column how wide its title is, and how wide it is if there is room for all.
    fn natural(&self) -> Vec<(usize, usize)> {
        let mut widths: Vec<_> = self.titles.iter().map(|title| (width(title), 0)).collect();
        for ((title, text), rule) in widths.iter_mut().zip(&self.rules) {
            *text = rule.least.max(*title);
        }
        for line in &self.lines {
            let (Line::Row(cells) | Line::Below(cells, _)) = line;
            for ((_, text), cell) in widths.iter_mut().zip(cells) {
                *text = width(&cell.text).clamp(*text, MOST.max(*text));
            }
        }
        widths
    }

    fn line(&self, line: &Line, layout: &Layout, look: Look, page: &mut String) {
        let mut writer = Writer { page, blanks: 0, gap: self.gap, colour: look.colour };
        let (Line::Row(cells) | Line::Below(cells, _)) = line;
        let laid_out = self.rules.iter().zip(&layout.widths).zip(&layout.shown);
        for (cell, ((rule, width), shown)) in cells.iter().zip(laid_out) {
            if !shown {
                continue;
            }
            if look.width.is_some() && rule.cut_to > 0 {
                let text = cut(&cell.text, *width).into_owned();
                writer.cell(&Cell { text, tone: cell.tone }, *rule, *width);
            } else {
                writer.cell(cell, *rule, *width);
            }
        }
        if let Line::Below(_, rest) = line {
            writer.cell(rest, Rule::LEFT, 0);
        }
        page.push('\n');
    }
}

/// Returns one line of a table whose lines come one by one, with the widths that the rules name at
/// the least.
pub(crate) fn line<const N: usize>(rules: &[Rule; N], cells: &[Cell; N], gap: usize) -> String {
    let mut page = String::new();
    let mut writer = Writer { page: &mut page, blanks: 0, gap, colour: false };
    for (cell, rule) in cells.iter().zip(rules) {
        writer.cell(cell, *rule, rule.least);
    }
    page
}

/// Writes the cells of one line. Blanks wait until text follows.
struct Writer<'a> {
    page: &'a mut String,
    blanks: usize,
    gap: usize,
    colour: bool,
}

impl Writer<'_> {
    fn cell(&mut self, cell: &Cell, rule: Rule, to: usize) {
        let pad = to.saturating_sub(width(&cell.text));
        self.blanks += if rule.is_right { pad } else { 0 };
        if !cell.text.is_empty() {
            self.page.extend(std::iter::repeat_n(' ', std::mem::take(&mut self.blanks)));
            self.page.push_str(&cell.tone.paint(&cell.text, self.colour));
        }
        self.blanks += self.gap + if rule.is_right { 0 } else { pad };
    }
}
