//! Writes into a buffer of the terminal, never beyond its part of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::top::fit;
use crate::top::table::Tone;

/// A part of the screen to write into.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    colors: bool,
}

impl<'a> Pen<'a> {
    /// Returns a pen for a part of a buffer.
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, colors: bool) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area, colors }
    }

    /// Returns the columns of its part.
    pub(super) fn width(&self) -> usize {
        self.area.width.into()
    }

    /// Returns the lines of its part.
    pub(super) fn height(&self) -> usize {
        self.area.height.into()
    }

    /// Writes a text at a column of a line, cut to at most `room` columns; returns the column
    /// behind it.
    pub(super) fn write(
        &mut self,
        (line, column): (usize, usize),
        text: &str,
        room: usize,
        style: Style,
    ) -> usize {
        let room = room.min(self.width().saturating_sub(column));
        if line >= self.height() || room == 0 {
            return column;
        }
        let text = fit::cut(text, room);
        let at = |base: u16, offset: usize| base + u16::try_from(offset).unwrap_or(u16::MAX - base);
        let (x, y) = (at(self.area.x, column), at(self.area.y, line));
        let (end, _) = self.buffer.set_stringn(x, y, &text, room, style);
        usize::from(end - self.area.x)
    }

    /// Writes pieces with two columns between them, as many as fit in whole.
    pub(super) fn pieces(&mut self, line: usize, pieces: &[(String, Tone)]) {
        let mut column = 1;
        for (text, tone) in pieces {
            if column > 1 && column + fit::width(text) > self.width() {
                break;
            }
            column = self.write((line, column), text, usize::MAX, self.style(*tone)) + fit::GAP;
        }
    }

    /// Gives a line a style from one end to the other.
    pub(super) fn whole_line(&mut self, line: usize, style: Style) {
        if line < self.height() {
            let y = self.area.y + u16::try_from(line).unwrap_or_default();
            self.buffer.set_style(Rect { y, height: 1, ..self.area }, style);
        }
    }

    /// Returns the style of a tone. Without colours what is wrong is bold.
    pub(super) fn style(&self, tone: Tone) -> Style {
        let plain = Style::new();
        match (tone, self.colors) {
            (Tone::Plain, _) => plain,
            (Tone::Dim, _) => plain.add_modifier(Modifier::DIM),
            (Tone::Warning, true) => plain.fg(Color::Yellow),
            (Tone::Bad, true) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            (Tone::Warning | Tone::Bad, false) => plain.add_modifier(Modifier::BOLD),
        }
    }
}
