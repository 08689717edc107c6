//! A screen of a terminal, from the text that `tmux capture-pane -e` gives of it.
//!
//! Guarantees: a screen has no more lines and columns than were asked for. What cannot be drawn, a
//! style or a text beyond its size, is an error, not a picture that differs from the screen.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};
use anyhow::{Result, bail};
use unicode_width::UnicodeWidthChar as _;

/// Columns and lines of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Columns.
    pub(super) columns: usize,
    /// Lines.
    pub(super) lines: usize,
}

/// How a text looks.
#[expect(clippy::struct_excessive_bools, reason = "a terminal turns each on and off by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// One of the sixteen colours of a terminal; `None` for the default one.
    pub(super) color: Option<u8>,
    /// Heavier.
    pub(super) bold: bool,
    /// Fainter.
    pub(super) dim: bool,
    /// With a line below.
    pub(super) underlined: bool,
    /// Text and background change places.
    pub(super) reversed: bool,
}

/// A text in one style, on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// Where it begins, counted from 0.
    pub(super) column: usize,
    /// How many columns it takes.
    pub(super) width: usize,
    /// The text.
    pub(super) text: String,
    /// How it looks.
    pub(super) style: Style,
}

/// What was on a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Screen {
    /// The runs of each line, from left to right.
    pub(super) lines: Vec<Vec<Run>>,
}

impl Screen {
    /// Reads a capture.
    ///
    /// # Errors
    /// It is larger than `size`, or has a style that is not drawn.
    pub(super) fn read(capture: &str, size: Size) -> Result<Self> {
        let mut reader = Reader {
            size,
            lines: vec![Vec::new()],
            column: 0,
            style: Style::default(),
            refused: None,
        };
        let mut parser = Parser::<DefaultCharAccumulator>::new();
        for byte in capture.trim_end_matches('\n').bytes() {
            parser.advance(&mut reader, byte);
            if let Some(what) = reader.refused.take() {
                let line = reader.lines.len();
                bail!("the screen has {what} in line {line}, which the picture cannot show");
            }
        }
        Ok(Self { lines: reader.lines })
    }
}

/// What was read so far.
#[derive(Debug)]
struct Reader {
    size: Size,
    lines: Vec<Vec<Run>>,
    column: usize,
    style: Style,
    /// What cannot be drawn.
    refused: Option<String>,
}

impl Reader {
    /// Changes the style by the numbers of an `SGR` sequence.
    fn restyle(&mut self, numbers: &mut dyn Iterator<Item = u16>) {
        let style = &mut self.style;
        while let Some(number) = numbers.next() {
            match number {
                0 => *style = Style::default(),
                1 => style.bold = true,
                2 => style.dim = true,
                4 => style.underlined = true,
                7 => style.reversed = true,
                22 => (style.bold, style.dim) = (false, false),
                24 => style.underlined = false,
                27 => style.reversed = false,
                30..=37 => style.color = u8::try_from(number - 30).ok(),
                90..=97 => style.color = u8::try_from(number - 82).ok(),
                38 => match (numbers.next(), numbers.next()) {
                    (Some(5), Some(color @ 0..=15)) => style.color = u8::try_from(color).ok(),
                    other => self.refused = Some(format!("the colour {other:?}")),
                },
                39 => style.color = None,
                // The default background; there is no other.
                49 => {}
                other => self.refused = Some(format!("the style {other}")),
            }
            if self.refused.is_some() {
                return;
            }
        }
    }
}

impl Perform for Reader {
    fn print(&mut self, letter: char) {
        let width = letter.width().unwrap_or(0);
        if self.column + width > self.size.columns {
            self.refused = Some(format!("more than {} columns", self.size.columns));
            return;
        }
        let (column, style) = (self.column, self.style);
        self.column += width;
        let Some(line) = self.lines.last_mut() else { return };
        match line.last_mut() {
            Some(run) if run.style == style => {
                run.text.push(letter);
                run.width += width;
            }
            _ => line.push(Run { column, width, text: letter.to_string(), style }),
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte != b'\n' {
            self.refused = Some(format!("the control character {byte}"));
        } else if self.lines.len() >= self.size.lines {
            self.refused = Some(format!("more than {} lines", self.size.lines));
        } else {
            self.lines.push(Vec::new());
            self.column = 0;
        }
    }

    fn csi_dispatch(&mut self, numbers: &Params, between: &[u8], too_many: bool, action: u8) {
        if action != b'm' || too_many || !between.is_empty() {
            self.refused = Some(format!("a sequence that ends with {:?}", char::from(action)));
            return;
        }
        self.restyle(&mut numbers.iter().flatten().copied());
    }

    fn osc_dispatch(&mut self, _texts: &[&[u8]], _is_by_bell: bool) {
        self.refused = Some("a link or a title".to_owned());
    }

    fn esc_dispatch(&mut self, _between: &[u8], _too_many: bool, action: u8) {
        self.refused = Some(format!("an escape sequence that ends with {:?}", char::from(action)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    const SIZE: Size = Size { columns: 20, lines: 3 };

    fn read(capture: &str) -> Vec<Vec<Run>> {
        Screen::read(capture, SIZE).unwrap().lines
    }

    fn run(column: usize, text: &str, style: Style) -> Run {
        Run { column, width: text.chars().count(), text: text.to_owned(), style }
    }

    #[test]
    fn a_capture_of_tmux_is_read_and_a_style_goes_on_in_the_next_line() {
        let plain = Style::default();
        let yellow = Style { color: Some(3), ..plain };
        let read = read(
            "\u{1b}[38;5;3mwarn\u{1b}[39m  \u{1b}[1m\u{1b}[31mbad\u{1b}[0m \
                         \u{1b}[2;4mhead\n▼\u{1b}[0;7m\u{1b}[39m\u{1b}[49m row  \n\u{1b}[27mx\n",
        );
        let dim = Style { dim: true, underlined: true, ..plain };
        let bad = Style { bold: true, color: Some(1), ..plain };
        let reversed = Style { reversed: true, ..plain };
        let gap = |column, text| run(column, text, plain);
        let first = vec![run(0, "warn", yellow), gap(4, "  "), run(6, "bad", bad), gap(9, " ")];
        let first = [first, vec![run(10, "head", dim)]].concat();
        let second = vec![run(0, "▼", dim), run(1, " row  ", reversed)];
        assert_eq!(read, [first, second, vec![run(0, "x", plain)]]);
    }

    #[test]
    fn bright_colours_and_ends_of_styles_are_read() {
        let read = read("\u{1b}[91ma\u{1b}[38;5;14mb\u{1b}[1;2;4mc\u{1b}[22;24md\u{1b}[me");
        let style = |color| Style { color: Some(color), ..Style::default() };
        let heavy = Style { bold: true, dim: true, underlined: true, ..style(14) };
        let all = [style(9), style(14), heavy, style(14), Style::default()];
        let styles: Vec<_> = read[0].iter().map(|run| run.style).collect();
        assert_eq!(styles, all);
    }

    #[test]
    fn a_letter_of_two_columns_takes_two() {
        let read = read("界a\u{1b}[1mb");
        assert_eq!((read[0][0].width, read[0][1].column), (3, 3));
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error_that_names_it() {
        for (capture, what) in [
            ("\u{1b}[38;5;200mx", "the colour"),
            ("\u{1b}[38;2;1;2;3mx", "the colour"),
            ("\u{1b}[41mx", "the style 41"),
            ("\u{1b}[5mx", "the style 5"),
            ("\u{1b}[2Jx", "ends with 'J'"),
            ("\u{1b}]8;;file:///x\u{7}x", "a link"),
            ("\u{1b}(0x", "ends with '0'"),
            ("a\tb", "the control character 9"),
            ("a\nb\nc\nd", "more than 3 lines"),
            ("123456789012345678901", "more than 20 columns"),
        ] {
            let error = Screen::read(capture, SIZE).unwrap_err().to_string();
            assert!(error.contains(what), "{capture:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_capture_panics_or_is_larger_than_its_size(
            capture in "(\u{1b}|\\[|[0-9]|;|:|m|K|\n|x|界|\u{300}|é)*"
        ) {
            if let Ok(screen) = Screen::read(&capture, SIZE) {
                assert!(screen.lines.len() <= SIZE.lines);
                let ends = screen.lines.iter().flatten().map(|run| run.column + run.width);
                assert!(ends.max().unwrap_or_default() <= SIZE.columns);
            }
        }
    }
}
