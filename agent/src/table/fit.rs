//! How wide text is on a terminal, and which columns a narrow one has room for.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Rule;

/// What stands at the end of text that was cut: one cell.
const CUT: &str = "…";

/// Returns how many cells of a terminal a text takes: two for a wide letter, none for a combining
/// one.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns text that takes at most `most` cells: it is cut at a letter, and says so. A combining
/// letter stays with the one before it.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || width(text) <= most {
        return Cow::Borrowed(text);
    }
    let Some(room) = most.checked_sub(1) else { return Cow::Borrowed("") };
    let mut taken = 0;
    let end = text.char_indices().find(|(_, letter)| {
        taken += letter.width().unwrap_or_default();
        taken > room
    });
    let mut text = text[..end.map_or(text.len(), |(place, _)| place)].to_owned();
    // Letters that follow each other can take more than each alone.
    while width(&text) > room {
        text.pop();
    }
    Cow::Owned(text + CUT)
}

/// Which columns are shown, and how wide.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) widths: Vec<usize>,
    pub(super) shown: Vec<bool>,
}

impl Layout {
    /// Lays columns out, whose titles and texts are so wide, with `gap` blanks between two.
    ///
    /// If they are wider than `most` together, text is cut where the rules allow it, then columns
    /// are left out, until the rest fits or no rule allows more.
    pub(super) fn of(
        rules: &[Rule],
        natural: &[(usize, usize)],
        gap: usize,
        most: Option<usize>,
    ) -> Self {
        let widths: Vec<_> = natural.iter().map(|(_, text)| *text).collect();
        let mut layout = Self { widths, shown: vec![true; rules.len()] };
        let Some(most) = most else { return layout };
        let least: Vec<_> = rules
            .iter()
            .zip(natural)
            .map(|(rule, (title, text))| match rule.cut_to {
                0 => *text,
                least => (*text).min(least.max(*title)),
            })
            .collect();
        while layout.total(&least, gap) > most {
            let next = rules.iter().enumerate().filter(|(place, _)| layout.shown[*place]);
            let next = next.max_by_key(|(_, rule)| rule.rank).filter(|(_, rule)| rule.rank > 0);
            let Some((place, _)) = next else { break };
            layout.shown[place] = false;
        }
        let mut over = layout.total(&layout.widths, gap).saturating_sub(most);
        let Self { widths, shown } = &mut layout;
        let all = shown.iter().zip(widths).zip(&least);
        for ((_, width), least) in all.filter(|((shown, _), _)| **shown) {
            let taken = over.min(*width - least);
            (*width, over) = (*width - taken, over - taken);
        }
        layout
    }

    /// Returns how wide a line is.
    fn total(&self, widths: &[usize], gap: usize) -> usize {
        let shown = self.shown.iter().zip(widths).filter(|(shown, _)| **shown);
        let (count, sum) = shown.fold((0, 0), |(count, sum), (_, width)| (count + 1, sum + width));
        sum + gap * usize::saturating_sub(count, 1)
    }
}
