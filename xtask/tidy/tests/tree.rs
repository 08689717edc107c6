//! The project's own tree keeps every rule; one test for each, so that a failure names the rule.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use tidy::{Check, Tree};

static TREE: LazyLock<Tree> =
    LazyLock::new(|| Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap());

#[track_caller]
fn keeps(check: Check) {
    let mut text = String::new();
    for finding in check.run(&TREE) {
        writeln!(text, "{finding}").unwrap();
    }
    assert!(text.is_empty(), "\n{text}");
}

#[test]
fn no_two_files_import_each_other() {
    keeps(Check::Circles);
}

#[test]
fn files_are_short() {
    keeps(Check::FileLength);
}

#[test]
fn functions_are_short() {
    keeps(Check::FunctionLength);
}

#[test]
fn lines_are_short() {
    keeps(Check::LineWidth);
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    keeps(Check::Header);
}

#[test]
fn words_are_those_of_the_field() {
    keeps(Check::BannedWords);
}

#[test]
fn links_lead_somewhere() {
    keeps(Check::Links);
}

#[test]
fn the_book_has_every_page() {
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SUMMARY.md").is_file());
    keeps(Check::Book);
}

#[test]
fn prose_counts_nothing_that_grows() {
    keeps(Check::Counts);
}

#[test]
fn the_glossary_is_short_and_its_words_are_used() {
    keeps(Check::Glossary);
}

#[test]
fn no_test_is_ignored() {
    keeps(Check::IgnoredTests);
}

#[test]
fn every_unsafe_has_a_note_of_its_own() {
    keeps(Check::SafetyNotes);
}

#[test]
fn no_static_is_mutable() {
    keeps(Check::MutableStatics);
}
