//! The answer of `connections` as a table.

pub(super) mod columns;
pub(super) mod groups;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::Connections;
use crate::query::columns::Sheet;
use crate::query::text::printable;
use crate::query::view::{Format, View};
use columns::CONNECTIONS;

/// Appends the table and a last line that counts what matches; of CSV the rows only.
pub(super) fn write(answer: &Connections, view: &View, page: &mut String) {
    let Connections { tracked, matched, returned, taken, .. } = answer;
    if let Some(grouped) = &answer.grouped {
        return groups::write(grouped, (*matched, *tracked), &taken.taken_at, view, page);
    }
    let mut sheet = Sheet::new(CONNECTIONS, view, None);
    sheet.share("taken_at", &taken.taken_at);
    for row in &answer.connections {
        sheet.row(row);
    }
    sheet.write(page);
    if view.format == Format::Csv {
        return;
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
