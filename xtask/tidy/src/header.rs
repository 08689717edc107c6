//! Headers: a Rust file opens with `//!` and at least one sentence.
use crate::Place;
use crate::tree::Tree;

/// A sentence has at least this many words.
const WORDS: usize = 4;

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    tree.rust()
        .filter(|(_, source, _)| !says_something(&source.text))
        .map(|(path, ..)| {
            let message =
                "open the file with `//!`: what it is for, in a sentence with a full stop";
            Place::new(path, 1, message)
        })
        .collect()
}

/// Whether a text opens with a header of at least one sentence.
fn says_something(text: &str) -> bool {
    let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let header = header.join(" ");
    let words = header.split_whitespace().count();
    words >= WORDS
        && header.trim_end().ends_with(['.', '?', '`', ')', ':'])
        && header.contains(['.', '?'])
}
