//! Screens as one animated SVG: each is shown for its time, then the next; after the last the first
//! comes again.
//!
//! Guarantees: a script, a font or a picture from elsewhere is in no SVG, so that it moves where
//! nothing may be loaded, as an image of a page; every text is escaped; a reader who wants no
//! motion, or whose program cannot move it, sees one screen. Each piece of text has its own place
//! and width, so that columns stand whatever font there is.

use std::fmt::Write as _;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::screen::{Run, Screen, Size, Style};

/// A screen, for how long it is shown, and what was done to get there.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The screen.
    pub(super) screen: Screen,
    /// What stands above it.
    pub(super) caption: String,
    /// How long it is shown.
    pub(super) shown: Duration,
    /// Whether it is the one to be seen without motion; the first of several is.
    pub(super) is_still: bool,
}

/// What the picture is, for who cannot see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// Its name.
    pub(super) title: &'a str,
    /// What it shows.
    pub(super) description: &'a str,
}

/// Width and height of a character's cell, in the units of the picture.
const CELL: (usize, usize) = (8, 17);
/// From the top of a cell to the line that letters stand on.
const BASE: usize = 13;
/// The room around the screen, and the height of the line above it.
const MARGIN: usize = 14;
const HEAD: usize = 38;

/// The style sheet but for the times. The background is the picture's own, so that it reads the
/// same on a light page and on a dark one; its colours have a contrast of 4.5 and more.
const STYLE: &str = "\
text{font:13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',\
'Liberation Mono',monospace;fill:#d5d9e0}
.d{fill-opacity:.66}.b{font-weight:700}.u{text-decoration:underline}
.c0{fill:#8b929c}.c1,.c9{fill:#ff8078}.c2,.c10{fill:#6fd08c}.c3,.c11{fill:#e8b84a}
.c4,.c12{fill:#7fb2ff}.c5,.c13{fill:#d3a6ff}.c6,.c14{fill:#5fd0dc}.c7,.c15{fill:#d5d9e0}
.p{fill:#14171c;stroke:#4b525c}.g{fill:#d5d9e0}.v{fill:#14171c}.h{fill:#7fb2ff}.l{stroke:#333a44}
";

/// Returns the picture.
pub(super) fn render(frames: &[Frame], size: Size, about: About<'_>) -> String {
    let (width, height) = (2 * MARGIN + size.columns * CELL.0, HEAD + size.lines * CELL.1 + MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">{}</title>\n<desc id=\"d\">{}</desc>\n<style>\n{STYLE}{}</style>\n\
         <rect class=\"p\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
         <path class=\"l\" d=\"M1 {}H{}\"/>\n",
        escaped(about.title),
        escaped(about.description),
        times(frames),
        width - 1,
        height - 1,
        HEAD - 10,
        width - 1,
    );
    let still = frames.iter().position(|frame| frame.is_still).unwrap_or_default();
    for (number, frame) in frames.iter().enumerate() {
        let still = if number == still { " s" } else { "" };
        write(&mut svg, format_args!("<g class=\"f f{number}{still}\">\n"));
        let caption = Run { text: frame.caption.clone(), ..Run::default() };
        piece_line(&mut svg, HEAD - 19, &[caption], Some("h b"));
        for (place, line) in frame.screen.lines.iter().enumerate() {
            draw_line(&mut svg, HEAD + place * CELL.1, line);
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// Returns the part of the style sheet that says when each frame is shown.
fn times(frames: &[Frame]) -> String {
    let whole: Duration = frames.iter().map(|frame| frame.shown).sum();
    let share = |part: Duration| 100.0 * part.as_secs_f64() / whole.as_secs_f64().max(0.001);
    let mut text = format!(
        ".f{{visibility:hidden;animation:{:.1}s step-end infinite}}.s{{visibility:visible}}\n",
        whole.as_secs_f64()
    );
    let mut from = Duration::ZERO;
    for (number, frame) in frames.iter().enumerate() {
        let to = from + frame.shown;
        let (begin, end) = (share(from), share(to));
        let hidden = if number > 0 { "0%{visibility:hidden}" } else { "" };
        write(&mut text, format_args!(".f{number}{{animation-name:k{number}}}"));
        let shown = format_args!(
            "@keyframes k{number}{{{hidden}{begin:.3}%{{visibility:visible}}\
             {end:.3}%{{visibility:hidden}}}}\n"
        );
        write(&mut text, shown);
        from = to;
    }
    text.push_str("@media (prefers-reduced-motion:reduce){.f{animation:none}}\n");
    text
}

/// Draws a line of the screen, whose cells begin at `top`.
fn draw_line(svg: &mut String, top: usize, line: &[Run]) {
    for run in line.iter().filter(|run| run.style.reversed) {
        let class = run.style.color.map_or_else(|| "g".to_owned(), |color| format!("c{color}"));
        let (x, width) = (MARGIN + run.column * CELL.0, run.width * CELL.0);
        let size = format!("width=\"{width}\" height=\"{}\"", CELL.1);
        write(svg, format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" {size}/>\n"));
    }
    piece_line(svg, top + BASE, line, None);
}

/// Writes the pieces of text of a line that stands on `base`, all in one class if one is given.
fn piece_line(svg: &mut String, base: usize, line: &[Run], class: Option<&str>) {
    let mut pieces = line.iter().flat_map(|run| pieces(run).map(|piece| (run.style, piece)));
    let Some(first) = pieces.next() else { return };
    write(svg, format_args!("<text y=\"{base}\">"));
    for (style, (column, width, text)) in std::iter::once(first).chain(pieces) {
        let class = class.map_or_else(|| classes(style), ToOwned::to_owned);
        let class = if class.is_empty() { class } else { format!(" class=\"{class}\"") };
        let (x, length) = (MARGIN + column * CELL.0, width * CELL.0);
        let text = escaped(&text);
        let piece = format_args!("<tspan{class} x=\"{x}\" textLength=\"{length}\">{text}</tspan>");
        write(svg, piece);
    }
    svg.push_str("</text>\n");
}

/// Returns the pieces of a run that two blanks or more part, each with its column and its width.
fn pieces(run: &Run) -> impl Iterator<Item = (usize, usize, String)> {
    let mut column = run.column;
    let parts = run.text.split("  ").map(move |part| {
        let (width, blanks) = (part.width(), part.len() - part.trim_start().len());
        let begin = column + blanks;
        column += width + 2;
        (begin, part.trim())
    });
    let filled = parts.filter(|(_, text)| !text.is_empty());
    filled.map(|(begin, text)| (begin, text.width(), text.to_owned()))
}

/// Returns the classes of a style.
fn classes(style: Style) -> String {
    let color = style.color.map(|color| format!("c{color}"));
    let color = if style.reversed { Some("v".to_owned()) } else { color };
    let flags = [(style.dim, "d"), (style.bold, "b"), (style.underlined, "u")];
    let flags = flags.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class.to_owned());
    color.into_iter().chain(flags).collect::<Vec<_>>().join(" ")
}

/// Returns a text as it stands between tags. A character that XML forbids becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Writing to a String cannot fail.
fn write(to: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = to.write_fmt(text);
}
