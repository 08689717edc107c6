//! Decisions: each page of `docs/decisions` names the tests that hold it, and they exist.
use std::path::Path;

use crate::Place;
use crate::markdown;
use crate::tree::Tree;

/// Where the pages are.
const FOLDER: &str = "docs/decisions";
/// The list of pages; it is no decision itself.
const INDEX: &str = "docs/decisions/README.md";
/// The heading above the tests.
const HEADING: &str = "## Held by";

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let pages =
        tree.markdown().filter(|(path, _)| path.starts_with(FOLDER) && *path != Path::new(INDEX));
    pages.flat_map(|(path, source)| page(tree, path, &source.text)).collect()
}

fn page(tree: &Tree, path: &Path, text: &str) -> Vec<Place> {
    let lines = markdown::prose(text).skip_while(|(_, line)| *line != HEADING);
    let named: Vec<(usize, &str)> =
        lines.filter_map(|(number, line)| Some((number, line.split('`').nth(1)?))).collect();
    if named.is_empty() {
        return vec![Place::new(path, 1, format!("no test stands below `{HEADING}`: name one"))];
    }
    // A command is no test; its verb is checked where commands are parsed.
    let tests = named.into_iter().filter(|(_, name)| !name.contains(' '));
    let missing = tests.filter(|(_, name)| {
        let function = name.rsplit("::").next().unwrap_or(name);
        !tree.rust().any(|(_, source, _)| source.text.contains(function))
    });
    missing
        .map(|(number, name)| {
            Place::new(path, number, format!("no test is called {name}: name the one that holds"))
        })
        .collect()
}
