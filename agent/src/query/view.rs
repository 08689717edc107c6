//! How an answer is printed: the options for it, and what they come to on this output.
//!
//! Used by `command`, which reads the options, and by the queries, whose text depends on the
//! [`View`].

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::{Args, ValueEnum};

use super::Refusal;
use crate::duration_text;
use crate::table::{Look, Tone};

/// The time between two questions of `--watch`, and its bounds.
const USUAL: &str = "2s";
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_hours(24);

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// A table with more columns, never cut
    Wide,
    /// RFC 4180 with a line of names
    Csv,
    /// The agent's answer
    Json,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal, unless NO_COLOR or CLICOLOR=0 is set
    #[default]
    Auto,
    /// Into files and pipes too
    Always,
    /// Never
    Never,
}

/// How to print the answer.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub(super) struct OutputArgs {
    /// The form of the answer [default: text]
    #[arg(short, long, value_name = "FORM", help_heading = "Output")]
    output: Option<Format>,
    /// The same as -o json
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// These columns in this order, of text (which becomes a table), wide or csv; an unknown name
    /// is answered with all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Output")]
    columns: Vec<String>,
    /// Ask again and again, so long after each answer, 1s to 1d; without a value each 2s. SIGINT
    /// ends it, with exit code 0
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        default_missing_value = USUAL,
        value_parser = interval,
        help_heading = "Output"
    )]
    pub(super) watch: Option<Duration>,
    /// When to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = "Output")]
    color: Colour,
}

/// Reads the time between two questions.
fn interval(text: &str) -> Result<Duration, String> {
    let read = duration_text::parse(text).filter(|read| (LEAST..=MOST).contains(read));
    read.ok_or_else(|| {
        "expected a duration from 1s to 1d such as 2s or 1m30s (a bare number is seconds)"
            .to_owned()
    })
}

impl OutputArgs {
    /// Returns the form.
    ///
    /// # Errors
    /// Options of which each excludes the other.
    pub(super) fn format(&self) -> Result<Format, Refusal> {
        let refuse = |parameter: &str, value: String, allowed: &str| {
            Err(Refusal { parameter: parameter.to_owned(), value, allowed: allowed.to_owned() })
        };
        let format = match self.output {
            Some(other) if self.json && other != Format::Json => {
                let name = other.to_possible_value();
                let name = name.map(|name| name.get_name().to_owned()).unwrap_or_default();
                return refuse("output", name, "json, or no --json beside it");
            }
            Some(format) => format,
            None if self.json => Format::Json,
            None => Format::Text,
        };
        if format == Format::Json && !self.columns.is_empty() {
            let names = super::text::printable(&self.columns.join(","));
            return refuse("columns", names, "-o text, wide or csv; jq chooses from JSON");
        }
        Ok(format)
    }

    /// Returns the columns that were chosen.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns how an answer is printed on standard output as it is now. `again` are the options
    /// with which another command asks the same agent.
    pub(super) fn view(&self, format: Format, again: String) -> View {
        let stdout = io::stdout();
        let colour = match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                stdout.is_terminal() && AutoStream::choice(&stdout) != ColorChoice::Never
            }
        };
        let may_cut = format == Format::Text && self.columns.is_empty() && stdout.is_terminal();
        let width = if may_cut { terminal_width(&stdout) } else { None };
        View { format, columns: self.columns.clone(), width, colour, with_head: true, again }
    }
}

/// Returns how many cells a line of the terminal has, if it tells.
fn terminal_width(stdout: &io::Stdout) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// How an answer is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The form; JSON is printed before a query is asked for text.
    pub(super) format: Format,
    /// The columns that were chosen; none for those of the form.
    pub(super) columns: Vec<String>,
    /// How wide a table may be.
    pub(super) width: Option<usize>,
    /// Whether there are colours.
    pub(super) colour: bool,
    /// Whether CSV begins with the names of the columns.
    pub(super) with_head: bool,
    /// The options with which another command asks the same agent, each behind a blank.
    pub(super) again: String,
}

impl Default for View {
    fn default() -> Self {
        Self {
            format: Format::Text,
            columns: Vec::new(),
            width: None,
            colour: false,
            with_head: true,
            again: String::new(),
        }
    }
}

impl View {
    /// Returns whether sentences are asked for, not rows and columns.
    pub(super) const fn is_prose(&self) -> bool {
        matches!(self.format, Format::Text) && self.columns.is_empty()
    }

    /// Sets whether CSV begins with the names of the columns.
    pub(super) fn with_head(self, with_head: bool) -> Self {
        Self { with_head, ..self }
    }

    /// Returns how a table meets its reader.
    pub(super) const fn look(&self) -> Look {
        Look { width: self.width, colour: self.colour }
    }

    /// Returns text in the colour of a tone, if there are colours.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        tone.paint(text, self.colour)
    }
}
