//! Where panels lie: from left to right on a grid of 24 columns, in a new line where the next one
//! does not fit.

use serde::Serialize;

/// Columns of Grafana's grid.
pub const COLUMNS: u32 = 24;

/// A place on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Column of the left edge.
    pub x: u32,
    /// Line of the upper edge.
    pub y: u32,
    /// Columns.
    pub w: u32,
    /// Lines.
    pub h: u32,
}

/// Gives out places, one after the other.
#[derive(Debug, Default)]
pub struct Flow {
    x: u32,
    y: u32,
    line: u32,
}

impl Flow {
    /// The next place of this size; wider than the grid is the grid's width.
    pub fn next(&mut self, width: u32, height: u32) -> Place {
        let w = width.clamp(1, COLUMNS);
        if self.x + w > COLUMNS {
            self.break_line();
        }
        let place = Place { x: self.x, y: self.y, w, h: height.max(1) };
        self.x += w;
        self.line = self.line.max(place.h);
        place
    }

    /// What comes next lies below all so far.
    pub fn break_line(&mut self) {
        self.x = 0;
        self.y += self.line;
        self.line = 0;
    }

    /// The line below all so far.
    #[must_use]
    pub const fn below(&self) -> u32 {
        self.y + self.line
    }

    /// A flow that begins at this line.
    #[must_use]
    pub const fn from_line(y: u32) -> Self {
        Self { x: 0, y, line: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_the_next_does_not_fit_and_below_the_tallest() {
        let mut flow = Flow::default();
        assert_eq!(flow.next(12, 4), Place { x: 0, y: 0, w: 12, h: 4 });
        assert_eq!(flow.next(12, 8), Place { x: 12, y: 0, w: 12, h: 8 });
        assert_eq!(flow.next(1, 2), Place { x: 0, y: 8, w: 1, h: 2 });
        assert_eq!(flow.next(99, 1), Place { x: 0, y: 10, w: 24, h: 1 });
        assert_eq!(flow.below(), 11);
    }
}
