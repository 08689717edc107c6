//! The answer of `trouble` in sentences, or as rows.

use std::fmt::Write as _;

use super::{Line, Troubles};
use crate::conn::trouble::TroubleKind;
use crate::duration_text;
use crate::query::columns::{Column, Sheet};
use crate::query::text::{age, end, printable};
use crate::query::view::{Format, View};
use crate::table::{Cell, Rule, Tone};

/// The columns, those of the wide table first.
pub(crate) const LINES: &[Column<Line>] = &[
    Column::field("kind").cell(kind).wide(),
    Column::field("reason").wide(),
    Column::field("process").wide(),
    Column::field("pid").rule(Rule::RIGHT).wide(),
    Column::field("workload").wide(),
    Column::field("role").wide(),
    Column::made("destination", destination).wide(),
    Column::field("count").rule(Rule::RIGHT).wide(),
    Column::field("first_seen_seconds")
        .title("FIRST")
        .rule(Rule::RIGHT)
        .cell(|row: &Line| ago(Some(row.first_seen_seconds)))
        .wide(),
    Column::field("last_seen_seconds")
        .title("LAST")
        .rule(Rule::RIGHT)
        .cell(|row: &Line| ago(Some(row.last_seen_seconds)))
        .wide(),
    Column::field("longest_seconds")
        .title("LONGEST")
        .rule(Rule::RIGHT)
        .cell(|row: &Line| ago(row.longest_seconds))
        .wide(),
    Column::field("netns").rule(Rule::RIGHT).wide(),
    Column::field("cause").wide(),
    Column::field("peer_address"),
    Column::field("port").rule(Rule::RIGHT),
    Column::field("first_seen"),
    Column::field("last_seen"),
    Column::field("sentence"),
    Column::field("taken_at"),
];

/// Appends sentences or rows, and what is left out; of CSV the rows only.
pub(super) fn write(answer: &Troubles, view: &View, page: &mut String) {
    if view.is_prose() {
        sentences(answer, view, page);
    } else {
        let mut sheet = Sheet::new(LINES, view, None);
        sheet.share("taken_at", &answer.taken.taken_at);
        for line in &answer.troubles {
            sheet.row(line);
        }
        sheet.write(page);
    }
    if view.format == Format::Csv {
        return;
    }
    let Troubles { returned, matched, left_out, .. } = answer;
    // Writing to a String cannot fail.
    let _ = match (*matched, answer.truncated) {
        (0, _) => writeln!(page, "no trouble"),
        (_, true) => writeln!(page, "{returned} of {matched} shown; --limit shows others"),
        (_, false) => Ok(()),
    };
    if *left_out > 0 {
        let _ = writeln!(page, "{left_out} more, among too many destinations to keep");
    }
}

fn sentences(answer: &Troubles, view: &View, page: &mut String) {
    for line in &answer.troubles {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{}", view.paint(tone(line), &printable(&line.sentence)));
        if let Some(cause) = &line.cause {
            let _ = writeln!(page, "   {}", printable(cause));
        }
    }
}

/// Returns the tone of an entry: a connect that came to nothing is lost, the rest may be.
fn tone(row: &Line) -> Tone {
    if row.kind == TroubleKind::Failures.as_str() { Tone::Bad } else { Tone::Unsure }
}

fn kind(row: &Line) -> Cell {
    Cell::new(printable(&row.kind), tone(row))
}

fn destination(row: &Line) -> Cell {
    end(row.peer_address, row.port).into()
}

fn ago(seconds: Option<f64>) -> Cell {
    seconds.map_or_else(
        || Cell::new("-", Tone::Dim),
        |seconds| age(seconds, duration_text::short).into(),
    )
}
