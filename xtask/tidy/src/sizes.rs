//! Sizes: lines of a file, lines of a function, columns of a line.
use crate::Place;
use crate::markdown;
use crate::tree::Tree;

/// Lines of a Rust file.
const FILE: usize = 300;
/// Lines of a function, from its keyword to its closing brace.
const FUNCTION: usize = 60;
/// Columns of a line.
const LINE: usize = 100;
/// What stands above and below figures that `cargo xtask bench` writes.
const FIGURES: &str = "<!-- figures:";
const FIGURES_END: &str = "<!-- end -->";

pub(crate) fn files(tree: &Tree) -> Vec<Place> {
    tree.rust()
        .map(|(path, source, _)| (path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE)
        .map(|(path, lines)| {
            let message = format!("{lines} lines, at most {FILE}: split the file by meaning");
            Place::new(path, FILE + 1, message)
        })
        .collect()
}

pub(crate) fn functions(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, _, facts) in tree.rust() {
        for function in &facts.functions {
            let lines = function.last + 1 - function.first;
            if lines > FUNCTION {
                let name = &function.name;
                let message = format!("{name} has {lines} lines, at most {FUNCTION}: split it");
                places.push(Place::new(path, function.first, message));
            }
        }
    }
    places
}

/// Rust counts everywhere; Markdown without code blocks, tables, lines with an address, and the
/// figures that a measurement writes between its marks.
pub(crate) fn lines(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    let mut take = |path, number, line: &str| {
        let columns = line.chars().count();
        if columns > LINE {
            let message = format!("{columns} columns, at most {LINE}: break the line");
            places.push(Place::new(path, number, message));
        }
    };
    for (path, source, _) in tree.rust() {
        for (at, line) in source.text.lines().enumerate() {
            take(path, at + 1, line);
        }
    }
    for (path, source) in tree.markdown() {
        let mut measured = false;
        for (number, line) in markdown::prose(&source.text) {
            measured = (measured || line.starts_with(FIGURES)) && line != FIGURES_END;
            if !measured && !markdown::is_table(line) && !line.contains("://") {
                take(path, number, line);
            }
        }
    }
    places
}
