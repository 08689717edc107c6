//! Rules of the source tree that no compiler checks: its shape, its words, its links.
//!
//! Called by `cargo xtask check`, by its own tests and by the program `tidy`. A check reads the
//! tree and returns findings as data; it changes nothing and needs neither network nor git.
#![forbid(unsafe_code)]

mod banned;
mod book;
mod circles;
mod counts;
mod decisions;
mod glossary;
mod header;
mod links;
mod markdown;
mod named_tests;
mod rust;
mod safety;
mod sizes;
mod tree;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

pub use tree::Tree;

/// One rule of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// No two files of a crate import each other, directly or through others.
    Circles,
    /// A Rust file has at most 300 lines.
    FileLength,
    /// A function has at most 60 lines.
    FunctionLength,
    /// A line of Rust or Markdown has at most 100 columns.
    LineWidth,
    /// A Rust file opens with `//!` and says what it is for.
    Header,
    /// No word of `banned.txt` occurs.
    BannedWords,
    /// A relative link in Markdown leads to a file and a heading that exist.
    Links,
    /// The summary of the book names every page of `docs`.
    Book,
    /// No sentence states how many alerts, metrics, tests … there are.
    Counts,
    /// The glossary is short, and each of its words occurs in code.
    Glossary,
    /// Each decision names a test that exists.
    Decisions,
    /// A live test that a page names exists.
    NamedTests,
    /// No test is ignored.
    IgnoredTests,
    /// Each `unsafe` has a SAFETY note that is complete in itself.
    SafetyNotes,
    /// No `static mut`.
    MutableStatics,
}

impl Check {
    /// All checks, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::Circles,
        Self::FileLength,
        Self::FunctionLength,
        Self::LineWidth,
        Self::Header,
        Self::BannedWords,
        Self::Links,
        Self::Book,
        Self::Counts,
        Self::Glossary,
        Self::Decisions,
        Self::NamedTests,
        Self::IgnoredTests,
        Self::SafetyNotes,
        Self::MutableStatics,
    ];

    /// Returns what breaks this rule in `tree`.
    #[must_use]
    pub fn run(self, tree: &Tree) -> Vec<Finding> {
        let places = match self {
            Self::Circles => circles::find(tree),
            Self::FileLength => sizes::files(tree),
            Self::FunctionLength => sizes::functions(tree),
            Self::LineWidth => sizes::lines(tree),
            Self::Header => header::find(tree),
            Self::BannedWords => banned::find(tree),
            Self::Links => links::find(tree),
            Self::Book => book::find(tree),
            Self::Counts => counts::find(tree),
            Self::Glossary => glossary::find(tree),
            Self::Decisions => decisions::find(tree),
            Self::NamedTests => named_tests::find(tree),
            Self::IgnoredTests => safety::ignored_tests(tree),
            Self::SafetyNotes => safety::notes(tree),
            Self::MutableStatics => safety::mutable_statics(tree),
        };
        places.into_iter().map(|place| Finding { check: self, place }).collect()
    }
}

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub check: Check,
    /// Where, and what to do.
    pub place: Place,
}

/// A line of a file, and what to do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the root of the tree.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what to do, in lower case without a full stop.
    pub message: String,
}

impl Place {
    fn new(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, message } = &self.place;
        write!(f, "{}:{line}: {message}", file.display())
    }
}

/// Returns what breaks any rule in `tree`, rule by rule.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    Check::ALL.into_iter().flat_map(|check| check.run(tree)).collect()
}
