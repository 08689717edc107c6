//! The model on the screen: a pure function from [`Model`] to a buffer.
//!
//! From top to bottom: the header, the tabs, the list, what is said about the selected row, what is
//! wrong, the keys. Where there are too few lines, the keys, then lines of the header, then what is
//! said about the row give way. Guarantee: any size is drawn, without a panic.

mod header;
mod list;
mod pen;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::fit;
use super::keys;
use super::model::Model;
use super::tab::{Mode, Tab};
use super::table::Tone;
use crate::duration_text;
use crate::query::text::printable;
use pen::Pen;

/// The lines that are said about the selected row.
const DETAIL: usize = 2;
/// The fewest lines of the list, its head among them, for which the rest gives way.
const LIST: usize = 6;
/// What the keys do, the most important first.
const HINTS: [&str; 8] = [
    "q quit",
    "? help",
    "1-5 tabs",
    "Enter into",
    "Esc back",
    "/ filter",
    "< > r sort",
    "Space freeze",
];

/// Draws the model into a part of a buffer.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let height = usize::from(area.height);
    // The tabs and what is wrong are always there.
    let spare = height.saturating_sub(2 + LIST);
    let header = spare.min(header::LINES);
    let hints = (spare - header).min(1);
    let detail = (spare - header - hints).min(DETAIL);
    let rest = height.saturating_sub(header + 1 + detail + 1 + hints);
    let mut top = 0;
    let mut part = |lines: usize| {
        let at = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
        let part = Rect { y: area.y.saturating_add(at(top)), height: at(lines), ..area };
        top += lines;
        part.intersection(area)
    };
    let parts = [header, 1, rest, detail, 1, hints].map(&mut part);
    let colors = model.colors;
    header::draw(model, &mut Pen::new(buffer, parts[0], colors));
    tabs(model, &mut Pen::new(buffer, parts[1], colors));
    let mut pen = Pen::new(buffer, parts[2], colors);
    if model.mode == Mode::Help {
        help(&mut pen);
    } else {
        list::draw(model, &mut pen);
        said(model, &mut Pen::new(buffer, parts[3], colors));
    }
    status(model, &mut Pen::new(buffer, parts[4], colors));
    let hints = HINTS.map(|hint| (hint.to_owned(), Tone::Dim));
    Pen::new(buffer, parts[5], colors).pieces(0, &hints);
}

/// What is said about the selected row.
fn said(model: &Model, pen: &mut Pen<'_>) {
    let lines = fit::wrapped(model.detail(), pen.width().saturating_sub(2), pen.height());
    for (line, text) in lines.iter().enumerate() {
        let style = pen.style(Tone::Plain);
        pen.write((line, 1), text, usize::MAX, style);
    }
}

fn tabs(model: &Model, pen: &mut Pen<'_>) {
    let mut column = 1;
    let path = model.path();
    for (place, (tab, name)) in Tab::ALL.iter().enumerate() {
        if !path.is_empty() && *tab != model.tab {
            continue;
        }
        let style = if *tab == model.tab {
            Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
        } else {
            Style::new()
        };
        let text = format!(" {} {name} ", place + 1);
        column = pen.write((0, column), &text, usize::MAX, style) + 1;
    }
    let style = pen.style(Tone::Plain);
    for step in path {
        column = pen.write((0, column), &format!("> {step}"), usize::MAX, style) + 1;
    }
}

/// What is wrong, else what is typed, else what the list says about itself.
fn status(model: &Model, pen: &mut Pen<'_>) {
    let filter = &model.view().filter;
    let (text, tone) = if model.mode == Mode::Filter {
        (format!("/{}_", printable(filter)), Tone::Plain)
    } else if let Some(why) = &model.data.failure {
        let tries = if model.frozen { "frozen" } else { "trying again" };
        let at = model.data.clock();
        (format!("no answer, {tries}; what is shown is of {at}: {why}"), Tone::Bad)
    } else if let Some(why) = model.error() {
        (why, Tone::Bad)
    } else if let Some(waiting) = model.waiting {
        (format!("no answer for {}", duration_text::short(waiting)), Tone::Warning)
    } else {
        (note(model, filter), Tone::Dim)
    };
    let style = pen.style(tone);
    pen.write((0, 1), &text, usize::MAX, style);
}

fn note(model: &Model, filter: &str) -> String {
    let shown = &model.shown;
    let note = &shown.table.note;
    if filter.is_empty() {
        return note.clone();
    }
    let (some, all) = (shown.places.len(), shown.table.rows.len());
    let behind = if note.is_empty() { "" } else { "; " };
    format!("{some} of {all} rows contain {}{behind}{note}", printable(filter))
}

fn help(pen: &mut Pen<'_>) {
    let (plain, dim) = (pen.style(Tone::Plain), pen.style(Tone::Dim));
    for (line, (key, what)) in keys::HELP.iter().enumerate() {
        pen.write((line, 2), key, usize::MAX, plain);
        pen.write((line, 20), what, usize::MAX, dim);
    }
}
