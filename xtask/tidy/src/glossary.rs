//! The glossary: at most 40 entries, and each of its words occurs in code.
use std::path::Path;

use crate::Place;
use crate::markdown;
use crate::tree::Tree;
use crate::words;

/// Where it is.
const FILE: &str = "docs/GLOSSARY.md";
/// More entries nobody reads.
const ENTRIES: usize = 40;

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let path = Path::new(FILE);
    let Some(source) = tree.get(path) else {
        return vec![Place::new(path, 1, "the glossary is missing: write it")];
    };
    let rows = markdown::prose(&source.text)
        .filter(|(_, line)| markdown::is_table(line))
        .filter_map(|(number, line)| Some((number, line.split('|').nth(1)?.trim())))
        .skip(2)
        .collect::<Vec<_>>();
    let mut places = Vec::new();
    if rows.len() > ENTRIES || rows.is_empty() {
        let message = format!("{} entries: at least one and at most {ENTRIES}", rows.len());
        places.push(Place::new(path, 1, message));
    }
    let code: Vec<_> = tree.rust().map(|(_, source, _)| words::split(&source.text)).collect();
    for (number, entry) in rows {
        for word in entry.split(',').map(|word| word.trim().replace(['`', '*'], "")) {
            let phrase = word.replace(['_', '-', '/'], " ").to_lowercase();
            if !code.iter().any(|words| !words::lines_of(&phrase, words).is_empty()) {
                let message = format!("{word} occurs nowhere in code: use it or remove it here");
                places.push(Place::new(path, number, message));
            }
        }
    }
    places
}
