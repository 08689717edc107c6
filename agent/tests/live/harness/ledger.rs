//! Two columns that have to agree, line by line, each number with the terms that it is made of.

use std::fmt::Write as _;

/// One side of an equality: named terms, summed.
pub(crate) type Terms = Vec<(String, i64)>;

/// Writes `[("name", value), …]` shortly.
macro_rules! terms {
    ($($name:expr => $value:expr),+ $(,)?) => { vec![$(($name.to_string(), $value)),+] };
}

pub(crate) use terms;

struct Line {
    claim: String,
    want: Terms,
    have: Terms,
}

/// Equalities to be checked together, so that a failure shows all of them.
#[derive(Default)]
pub(crate) struct Ledger {
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Ledger {
    /// Adds an equality: what is expected, and what was seen.
    pub(crate) fn equal(&mut self, claim: &str, want: Terms, have: Terms) {
        self.lines.push(Line { claim: claim.to_owned(), want, have });
    }

    /// Adds what a reader of the table should know.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Whether all hold.
    pub(crate) fn balanced(&self) -> bool {
        self.lines.iter().all(Line::holds)
    }

    /// Panics with the whole table if any does not hold.
    pub(crate) fn check(&self) {
        assert!(self.balanced(), "the agent and the kernel disagree\n{}", self.table());
    }

    /// All equalities, one a line, those that do not hold marked.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for line in &self.lines {
            let mark = if line.holds() { "  " } else { "!!" };
            let _ = writeln!(
                table,
                "{mark} {}: expected {}, seen {}",
                line.claim,
                side(&line.want),
                side(&line.have)
            );
        }
        table + &self.notes.join("\n")
    }
}

impl Line {
    fn holds(&self) -> bool {
        sum(&self.want) == sum(&self.have)
    }
}

fn sum(terms: &Terms) -> i64 {
    terms.iter().map(|(_, value)| value).sum()
}

fn side(terms: &Terms) -> String {
    let parts: Vec<String> = terms.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{} ({})", sum(terms), parts.join(" + "))
}
