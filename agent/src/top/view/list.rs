//! The list: its head, and the rows around the selected one.

use ratatui::style::{Modifier, Style};

use super::pen::Pen;
use crate::top::fit::{self, GAP};
use crate::top::model::Model;
use crate::top::table::{Cell, Column, Tone};

/// Draws head and rows. Cost grows with what is on the screen, and with the rows for the widths of
/// the columns.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let table = &model.shown.table;
    let widths = fit::columns(table.columns, &model.shown.widths, pen.width().saturating_sub(1));
    head(model, pen, &widths);
    let (places, selected) = (&model.shown.places, model.view().selected);
    let lines = pen.height().saturating_sub(1);
    let first = selected.saturating_sub(lines / 2).min(places.len().saturating_sub(lines));
    for (line, place) in places.iter().skip(first).take(lines).enumerate() {
        let mut column = 1;
        let cells = table.rows[*place].cells.iter().zip(table.columns).zip(&widths);
        for ((cell, what), width) in cells.filter(|(_, width)| **width > 0) {
            field(pen, (line + 1, column), (cell, *what), *width);
            column += width + GAP;
        }
        if first + line == selected {
            pen.whole_line(line + 1, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

fn field(pen: &mut Pen<'_>, at: (usize, usize), (cell, what): (&Cell, Column), width: usize) {
    let (line, column) = at;
    let pad = if what.number { width.saturating_sub(fit::width(&cell.text)) } else { 0 };
    let style = pen.style(cell.tone);
    pen.write((line, column + pad), &cell.text, width - pad, style);
}

fn head(model: &Model, pen: &mut Pen<'_>, widths: &[usize]) {
    let (table, order) = (&model.shown.table, model.view().order);
    let mut column = 1;
    for (place, (what, width)) in table.columns.iter().zip(widths).enumerate() {
        if *width == 0 {
            continue;
        }
        let is_chosen = table.sorts && place == order.column;
        let mark = match (is_chosen, what.number != order.reversed) {
            (false, _) => "",
            (true, true) => "▼",
            (true, false) => "▲",
        };
        let text = format!("{}{mark}", what.name);
        let pad = if what.number { width.saturating_sub(fit::width(&text)) } else { 0 };
        let style = pen.style(Tone::Dim).add_modifier(Modifier::UNDERLINED);
        let style = if is_chosen { style.remove_modifier(Modifier::DIM) } else { style };
        pen.write((0, column + pad), &text, width - pad, style);
        column += width + GAP;
    }
}
