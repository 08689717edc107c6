//! Tones of text, and their colours.

use anstyle::{AnsiColor, Style};

/// What text says to somebody who only glances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Something is wrong.
    Bad,
    /// Something may be wrong, or is not known.
    Unsure,
    /// It is there to be looked up.
    Dim,
}

impl Tone {
    /// Returns text in its colour, or as it is.
    pub(crate) fn paint(self, text: &str, colour: bool) -> String {
        let style = match self {
            Self::Plain => return text.to_owned(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Unsure => AnsiColor::Yellow.on_default(),
            Self::Dim => Style::new().dimmed(),
        };
        if colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
